"""Watching a workflow from any process, and reading what its tasks said."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from heliograph.errors import WorkflowNotFoundError
from heliograph.graph.checks import checked_flag
from heliograph.reading.lifetime import Lifetime
from heliograph.reading.opened import (
    MOST,
    checked_limit,
    checked_task,
    found_key,
    no_task,
    session,
)

if TYPE_CHECKING:
    from heliograph.insight.answers import Rows
    from heliograph.records.change import Change
    from heliograph.records.workflow import WorkflowRecord

POLL_SECONDS: Final = 0.015


class Watch:
    """The changes of a workflow: to go through with ``for`` or ``async for``; see `watch`.

    Attributes:
        cursor: goes on behind the last change that was given; of none: where it began.
        is_over: there will be no change behind those that were given.
    """

    def __init__(self, workflow_id: str, after: str | None, wait: bool) -> None:
        from heliograph.records.change import Cursor, parse_cursor

        known = None if after is None else parse_cursor(after)
        self._workflow_id = workflow_id
        self._key = found_key(workflow_id)
        self._known = Cursor(self._key, 0, 0) if known is None else known
        if self._known.workflow != self._key:
            raise WorkflowNotFoundError(
                f"cursor {after!r} is of another workflow than {workflow_id!r} is now, maybe of one that had "
                "its id and was deleted: without a cursor, `watch` begins with the first change"
            )
        self._wait = wait
        self._lifetime = Lifetime()
        self.is_over = False
        self._subscription = session().store.news.subscribe(lambda notice: self._key in notice.changed)
        self._waiting: deque[Change] = deque()
        self.cursor = after

    def __iter__(self) -> Watch:
        return self

    def __aiter__(self) -> Watch:
        return self

    def __next__(self) -> dict[str, Any]:
        while not self._waiting:
            if self.is_over:
                raise StopIteration
            if not self._look():
                self._subscription.wait(POLL_SECONDS)
        return self._given()

    async def __anext__(self) -> dict[str, Any]:
        import asyncio

        while not self._waiting:
            if self.is_over:
                raise StopAsyncIteration
            if not await asyncio.to_thread(self._look):
                await asyncio.to_thread(self._subscription.wait, POLL_SECONDS)
        return self._given()

    def now(self) -> Iterator[dict[str, Any]]:
        """The changes that there are, without waiting for more."""
        while not self.is_over and self._look():
            pass
        while self._waiting:
            yield self._given()

    def _given(self) -> dict[str, Any]:
        from heliograph.records.change import change_metadata

        change = self._waiting.popleft()
        self.cursor = str(change.cursor)
        return change_metadata(change)

    def _look(self) -> bool:
        """Look for changes; whether there is anything to give, or no use in looking again."""
        # First how it stands, then the changes: the last one is stored with the status that ends the watch.
        record = self._found()
        changes = session().store.watching.changes(*self._known)
        if changes:
            self._known = changes[-1].cursor
            self._waiting += changes
        elif not self._wait or not self._lifetime.goes_on(record.status, record.engine):
            self._found()  # else it was deleted in between, and what could not be read any more with it
            self.is_over = True
        return bool(changes) or self.is_over

    def _found(self) -> WorkflowRecord:
        record = session().found(self._workflow_id)
        if record.key != self._key:  # another one has its id now
            raise WorkflowNotFoundError(f"workflow {self._workflow_id!r} was deleted while it was watched")
        return record


def watch(workflow_id: str, after: str | None = None, *, wait: bool = True) -> Watch:
    """The changes of a workflow, each of them once, in the order in which they were stored; from any process.

    It ends when the workflow has ended, or when its engine is gone (on Ray after half a minute, in which a
    coordinator that died may be started again). A status that a task had for less time than a commit takes
    is not stored, so it is no change.

    Args:
        workflow_id: the workflow.
        after: the ``cursor`` of the last change that is known, or of ``get_metadata(id, tasks=True)``.
            None: begin with the submission.
        wait: wait for further changes while the workflow goes on. False: end after those stored so far.

    Returns:
        An iterator, and async iterator, of dicts. Each has ``cursor``, ``time``, ``run``, ``kind``, and what
        belongs to the kind: ``run`` (``status``), ``added`` (``task_ids``), ``task`` (``status``),
        ``attempt`` (``status``; only of attempts that did not succeed), ``metadata`` (``update``),
        ``progress`` (``done``, ``total``, ``message``), ``line`` (``text``), ``metric`` (``key``, ``value``,
        ``step``). Most have a ``task_id``.

    Raises:
        WorkflowNotFoundError: there is no such workflow; it was deleted in the meantime; or `after` is a
            cursor of a workflow that was.
        TypeError, ValueError: `after` is not a cursor, or `wait` is not a bool.

    >>> from heliograph import workflow
    >>> @workflow.task
    ... def count() -> int:
    ...     workflow.current().log("counting")
    ...     return 3
    >>> workflow.run(count.bind(), workflow_id="watch_example")
    3
    >>> [change["text"] for change in watch("watch_example") if change["kind"] == "line"]
    ['counting']
    """
    return Watch(workflow_id, after, checked_flag("wait", wait))


def get_logs(
    workflow_id: str, task_id: str | None = None, *, limit: int = 1000, after: int | None = None
) -> Rows:
    """The lines that the tasks of a workflow logged, in the order in which they were stored.

    Args:
        workflow_id: the workflow.
        task_id: only lines of this task.
        limit: at most so many.
        after: only lines behind the one with this ``number``.

    Returns:
        Dicts with ``number``, ``time``, ``task_id``, ``attempt`` and ``text``.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or no such task in it.
        TypeError, ValueError: the limit or `after` is not valid.
    """
    from heliograph.insight.answers import Rows

    return Rows(
        {
            "number": one.number,
            "time": one.time,
            "task_id": one.task_id,
            "attempt": one.attempt,
            "text": one.text,
        }
        for one in _said("LINE", workflow_id, task_id, limit, after)
    )


def get_metrics(
    workflow_id: str, task_id: str | None = None, *, limit: int = 1000, after: int | None = None
) -> Rows:
    """The values of metrics that the tasks of a workflow reported, in the order in which they were stored.

    Arguments and errors are those of `get_logs`.

    Returns:
        Dicts with ``number``, ``time``, ``task_id``, ``attempt``, ``key``, ``value`` (None for
        NaN or an infinity) and, if the task gave one, ``step``.
    """
    from heliograph.insight.answers import Rows

    return Rows(
        {
            "number": one.number,
            "time": one.time,
            "task_id": one.task_id,
            "attempt": one.attempt,
            "key": one.text,
            "value": one.value,
            **({} if one.step is None else {"step": one.step}),
        }
        for one in _said("POINT", workflow_id, task_id, limit, after)
    )


def _said(kind: str, workflow_id: str, task_id: str | None, limit: int, after: int | None) -> list[Any]:
    from heliograph.storage.tables.layout import SaidKind

    most, task = checked_limit(limit), checked_task(task_id)
    if after is not None and (isinstance(after, bool) or not isinstance(after, int)):
        raise TypeError(f"after must be the number of one that was given, not {after!r}")
    behind = -1 if after is None else max(-1, min(after, MOST))
    opened = session()
    store, record = opened.store, opened.found(workflow_id)
    if task is not None and store.queries.task(record, task) is None:
        raise no_task(workflow_id, task)
    return store.watching.said(record.key, SaidKind[kind], task, behind, most)
