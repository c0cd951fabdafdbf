"""What is known of workflows and tasks, at this moment: their metadata, or no more than how they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from heliograph.graph.checks import checked_flag, checked_int_or_none
from heliograph.graph.identifiers import check_identifier
from heliograph.reading.late import late
from heliograph.reading.opened import (
    MOST,
    checked_limit,
    checked_task,
    found_key,
    no_task,
    one_task,
    session,
    warn_of,
)
from heliograph.records.status import WorkflowStatus

if TYPE_CHECKING:
    from heliograph.insight.answers import Page, Rows
    from heliograph.records.workflow import WorkflowRecord

PAGE: Final = 200
"""Tasks that are given at once where nobody says how many."""


def get_metadata(
    workflow_id: str,
    task_id: str | None = None,
    *,
    name: str | None = None,
    tasks: bool = False,
    limit: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    """The metadata of a workflow, of one of its tasks, or of a workflow with its tasks, at this moment.

    A field that is not known yet is absent, never None: a running workflow has no ``stats["end_time"]``.

    Args:
        workflow_id: the workflow.
        task_id: the task. None: the workflow itself. ``"all"``: the same as ``tasks=True``, unless there is
            a task of that name.
        name: another name for `task_id`; here ``"all"`` is nothing but a name.
        tasks: the workflow together with its tasks, all of the same moment.
        limit: at most so many tasks. None: 200.
        after: only tasks behind the one with this id: the next page.

    Returns:
        For a workflow: ``status``, ``user_metadata``, ``task_options``, ``stats``, ``progress``, ``error`` …
        For a task: ``name``, ``status``, ``task_options``, ``user_metadata``, ``workflow_refs``, ``stats``
        (those of its last attempt), ``attempts`` … For a workflow with its tasks also: ``counts`` by status;
        ``tasks``; ``truncated``, whether there are more tasks, and then ``after``, for the next page; and
        ``cursor``, from which `watch` continues. Times are Unix seconds, durations seconds, sizes bytes.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or no such task in it.
        TypeError: `tasks` is not a bool.
        ValueError: both one task and all tasks are asked for, or the limit is not valid.
    """
    checked_flag("tasks", tasks)
    wants_all = tasks or (task_id == "all" and name is None)
    if not wants_all and (limit is not None or after is not None):
        raise ValueError("limit and after are for pages of tasks: ask with tasks=True")
    if tasks and (name is not None or task_id not in (None, "all")):
        raise ValueError(f"tasks=True asks for all tasks, and {task_id or name!r} for one: ask for either")
    task_id = one_task(task_id, name)
    if tasks:
        return _with_tasks(workflow_id, limit, after)
    opened = session()
    record = opened.found(workflow_id)
    if wants_all and opened.store.queries.task(record, "all") is None:
        return _with_tasks(workflow_id, limit, after)
    if task_id is None:
        return _workflow_metadata(record, opened.place)
    task_record = opened.store.queries.task(record, task_id)
    if task_record is None:
        raise no_task(workflow_id, task_id)
    from heliograph.records.metadata import task_metadata

    return task_metadata(task_record)


@late
def _workflow_metadata() -> Callable[[WorkflowRecord, str], dict[str, Any]]:
    from heliograph.records.metadata import workflow_metadata

    return workflow_metadata


def get_tasks(workflow_id: str) -> Rows:
    """The metadata of every task of a workflow, upstream tasks first; each as `get_metadata` gives it.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
    """
    from heliograph.insight.answers import Rows
    from heliograph.records.metadata import task_metadata

    opened = session()
    found = opened.store.queries.tasks(opened.found(workflow_id))
    return Rows([task_metadata(record) for record in found])


def list_metadata(
    status_filter: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
    limit: int | None = None,
) -> Rows:
    """The metadata of many workflows, newest first; each as `get_metadata` gives it.

    A workflow whose rows are damaged is left out, and a `DamagedWarning` names it.

    Args:
        status_filter: a status, the name of one, or a set of either. None: all.
        limit: at most so many. None: all.

    Raises:
        TypeError: the filter is something else, or the limit is not an int.
        ValueError: there is no status of this name, or the limit is negative.
    """
    from heliograph.insight.answers import Rows
    from heliograph.records.metadata import workflow_metadata
    from heliograph.storage.questions.listings import each_read

    most = checked_int_or_none("limit", limit)
    if most is not None and most < 0:
        raise ValueError(f"limit must be 0 or more, not {most}")
    statuses = None if status_filter is None else _statuses(status_filter)
    opened = session()
    most = None if most is None else min(most, MOST)
    found, damaged = opened.store.queries.workflows(statuses, newest_first=True, limit=most)
    place = opened.place
    made, unread = each_read(found, lambda record: workflow_metadata(record, place))
    warn_of([*damaged, *unread])
    return Rows(made)


def get_status(workflow_id: str) -> WorkflowStatus:
    """The status of a workflow.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
    """
    return session().found(workflow_id).status


def list_all(
    status_filter: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
) -> list[tuple[str, WorkflowStatus]]:
    """The ids and statuses of the stored workflows, oldest first.

    A workflow whose rows are damaged is left out, and a `DamagedWarning` names it.

    Args:
        status_filter: a status, the name of one, or a set of either. None: all.

    Raises:
        TypeError: the filter is something else.
        ValueError: there is no status of this name.
    """
    statuses = None if status_filter is None else _statuses(status_filter)
    found, damaged = session().store.queries.workflows(statuses)
    warn_of(damaged)
    return [(record.workflow_id, record.status) for record in found]


def get_downstream(workflow_id: str, task_id: str, limit: int = PAGE) -> list[str]:
    """The ids of the tasks that take the output of a task: its ``workflow_refs`` the other way round.

    Args:
        workflow_id: the workflow.
        task_id: the task.
        limit: at most so many.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or no such task in it.
        TypeError, ValueError: an id or a limit is not valid.

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


def _with_tasks(workflow_id: str, limit: int | None, after: str | None) -> Page:
    """A workflow and some of its tasks, at one moment; see `get_metadata`."""
    from heliograph.insight.answers import Page
    from heliograph.records.change import Cursor
    from heliograph.records.metadata import task_metadata, workflow_metadata

    most, place = PAGE if limit is None else checked_limit(limit), checked_task(after)
    opened = session()
    snapshot = opened.store.queries.snapshot(check_identifier("workflow_id", workflow_id), place, most)
    if snapshot is None:
        opened.found(workflow_id)  # else there is none
        raise no_task(workflow_id, after)
    tasks = [task_metadata(record) for record in snapshot.page.tasks]
    answer = {
        **workflow_metadata(snapshot.workflow, opened.place),
        "counts": snapshot.workflow.progress.by_status.copy(),
        "tasks": tasks,
        "truncated": snapshot.page.truncated,
        **({"after": tasks[-1]["task_id"]} if snapshot.page.truncated else {}),
        "cursor": str(Cursor(snapshot.workflow.key, snapshot.change + 1, 0)),
    }
    return Page(answer)


def _statuses(given: object) -> set[WorkflowStatus]:
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, set | frozenset | list | tuple) or not all(
        isinstance(value, str) for value in values
    ):
        raise TypeError(f"status_filter must be a status, its name, or a set of them, not {given!r}")
    known = {status.value for status in WorkflowStatus}
    for value in values:
        if value not in known:
            raise ValueError(
                f"status_filter: there is no status {value!r}; there are {', '.join(sorted(known))}"
            )
    return {WorkflowStatus(value) for value in values}
