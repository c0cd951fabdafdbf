"""A workflow with its tasks, in one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliograph.reading.opened import checked_limit, checked_task, found_key, no_task, session

if TYPE_CHECKING:
    from heliograph.insight.answers import Page

PAGE: Final = 200
"""Tasks that are given at once where nobody says how many."""


def get_downstream(workflow_id: str, task_id: str, limit: int = PAGE) -> list[str]:
    """Ids of the tasks that take a task's output: so to say its ``workflow_refs``, the other way round.

    Args:
        workflow_id: the workflow.
        task_id: the task.
        limit: so many at most.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or no such task in it.
        TypeError, ValueError: an id, or a limit, that can't be.

    >>> from heliograph import workflow
    >>> @workflow.task
    ... def add(left: int, right: int) -> int:
    ...     return left + right
    >>> dag = add.options(name="sum").bind(add.options(name="part").bind(1, 2), 3)
    >>> workflow.run(dag, workflow_id="downstream_example"), get_downstream("downstream_example", "part")
    (6, ['sum'])
    """
    most, task = checked_limit(limit), checked_task(task_id)
    found = session().store.queries.downstream(found_key(workflow_id), task, most)
    if found is None:
        raise no_task(workflow_id, task_id)
    return found


def with_tasks(workflow_id: str, limit: int | None, after: str | None) -> Page:
    """A workflow and some of its tasks, at one moment; see `workflow.get_metadata`.

    Args:
        workflow_id: the workflow.
        limit: tasks at most; None: `PAGE`.
        after: id of the task before the first of them; None: from the first one.

    Raises:
        WorkflowNotFoundError: no such workflow, or no task `after` in it.
        TypeError, ValueError: a limit that can't be.
    """
    from heliograph.engines.waiting import found
    from heliograph.insight.answers import Page
    from heliograph.records.metadata import task_metadata, workflow_metadata

    most, place = PAGE if limit is None else checked_limit(limit), checked_task(after)
    opened = session()
    queries = opened.store.queries
    snapshot = queries.snapshot(found(opened.store, workflow_id).workflow_id, place, most)
    if snapshot is None:
        found(opened.store, workflow_id)  # else it was deleted just now
        raise no_task(workflow_id, after)
    tasks = [task_metadata(record) for record in snapshot.page.tasks]
    answer = {
        **workflow_metadata(snapshot.workflow, opened.place),
        "counts": {status.value: count for status, count in snapshot.workflow.progress.items()},
        "tasks": tasks,
        "truncated": snapshot.page.truncated,
        **({"after": tasks[-1]["task_id"]} if snapshot.page.truncated else {}),
        "cursor": f"{snapshot.change}",
    }
    return Page(answer)
