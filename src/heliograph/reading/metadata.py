"""A workflow with its tasks, in one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliograph.reading.opened import checked_limit, checked_task, no_task, session

if TYPE_CHECKING:
    from heliograph.insight.answers import Page

PAGE: Final = 200
"""Tasks that are given at once where nobody says how many."""


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
