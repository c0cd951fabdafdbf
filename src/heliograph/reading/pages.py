"""Pages of what a search finds."""

from __future__ import annotations

import functools
from typing import Any

from heliograph.errors import StorageCorruptError
from heliograph.graph.checks import checked_flag
from heliograph.insight.answers import Page
from heliograph.reading import questions
from heliograph.reading.opened import checked_limit, session, warn_of
from heliograph.records.metadata import task_metadata, workflow_metadata
from heliograph.records.workflow import TaskRecord
from heliograph.search.expressions import Condition
from heliograph.storage.questions.listings import Listing, each_read
from heliograph.storage.searching.places import Order


def page(
    where: Condition | str | None, order_by: str | None, limit: int, after: str | None, tasks: bool
) -> Page:
    """One; see `searching.search`."""
    checked_flag("tasks", tasks)
    most, asked_for = checked_limit(limit), questions.condition(where, tasks)
    place, order = questions.place(after, tasks), Order(*questions.order(order_by, tasks))
    opened = session()
    read: Listing[dict[str, Any]]
    if tasks:
        (tasks_found, damaged), last = opened.store.search.tasks(asked_for, order, place, most)
        read = each_read(tasks_found, _task)
    else:
        (found, damaged), last = opened.store.search.workflows(asked_for, order, place, most)
        read = each_read(found, functools.partial(workflow_metadata, storage=opened.place))
    damaged = [*damaged, *read.damaged]
    warn_of(damaged, level=5)
    answer = {
        "found": read.found,
        **({"damaged": [_told(error) for error in damaged]} if damaged else {}),
        "truncated": last is not None,
        **({"after": questions.cursor(last)} if last is not None else {}),
    }
    return Page(answer)


def _task(found: tuple[str, TaskRecord]) -> dict[str, Any]:
    workflow_id, task = found
    try:
        return {"workflow_id": workflow_id, **task_metadata(task)}
    except StorageCorruptError as error:
        raise StorageCorruptError(f"workflow {workflow_id!r}: {error}", workflow_id=workflow_id) from error


def _told(error: StorageCorruptError) -> dict[str, Any]:
    whose = {} if error.workflow_id is None else {"workflow_id": error.workflow_id}
    return whose | {"error": str(error)}
