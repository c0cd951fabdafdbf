"""Waiting for outputs of workflows that any engine runs, by what is stored."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from heliograph.engines.outcome import OutputFuture, cancellation_error, execution_error
from heliograph.engines.store_thread import POLL_SECONDS
from heliograph.errors import CancelledBeforeError, FailedBeforeError, StorageError, WorkflowNotFoundError
from heliograph.graph.identifiers import check_identifier
from heliograph.records.attempt import StoredValue
from heliograph.records.status import ACTIVE, TASK_OVER, TaskStatus, WorkflowStatus
from heliograph.records.workflow import WorkflowRecord
from heliograph.storage.databases.news import Notice, Subscription
from heliograph.storage.entries import Standing
from heliograph.storage.store import Store

_ALL_SECONDS: Final = 1.0
"""How soon it is seen that an engine is gone, or that nothing can come."""
_SHARE: Final = 10
_NOT_STORED: Final = "checkpoint=False, or it was damaged and forgotten"


def found(store: Store, workflow_id: str) -> WorkflowRecord:
    """The workflow of an id.

    Raises:
        WorkflowNotFoundError: there is none.
        TypeError, ValueError: it can't be an id.
    """
    record = store.queries.workflow(check_identifier("workflow_id", workflow_id))
    if record is None:
        raise _not_found(workflow_id)
    return record


def _still_found(store: Store, key: int, workflow_id: str) -> WorkflowRecord:
    """As `found`, of a workflow that was found before: by now its id may be another one's."""
    record = found(store, workflow_id)
    if record.key != key:
        raise WorkflowNotFoundError(f"workflow {workflow_id!r} was deleted while its output was waited for")
    return record


def standing(store: Store, workflow_id: str) -> Standing:
    """As `found`, of a damaged workflow too: how it stands."""
    known = store.standing(check_identifier("workflow_id", workflow_id))
    if known is None:
        raise _not_found(workflow_id)
    return known


def _not_found(workflow_id: str) -> WorkflowNotFoundError:
    return WorkflowNotFoundError(f"No such workflow_id {workflow_id!r}")


def workflow_output_now(
    store: Store, key: int, workflow_id: str, is_handed_in: bool = False
) -> StoredValue | None:
    """The output of a workflow; None: not yet.

    Args:
        store: where it is.
        key: its own.
        workflow_id: its id.
        is_handed_in: another engine will take it over where its own is gone.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: there will be none: it has no engine, or its output is not stored.
        FailedBeforeError: it failed.
        CancelledBeforeError: it was cancelled.
    """
    record = _still_found(store, key, workflow_id)
    match record.status:
        case WorkflowStatus.SUCCESSFUL:
            output = store.checkpoints.output(key, record.output_task)
            if output is None:
                raise ValueError(
                    f"the output of workflow {workflow_id!r} is not stored ({_NOT_STORED}): "
                    "resume it to make it again"
                )
            return output
        case WorkflowStatus.FAILED:
            failed = store.checkpoints.failure(key)
            if failed is not None:  # else somebody resumed it just now: look again
                raise execution_error(workflow_id, *failed, FailedBeforeError)
        case WorkflowStatus.CANCELED:
            raise cancellation_error(workflow_id, CancelledBeforeError)
        case WorkflowStatus.RESUMABLE if not is_handed_in:
            raise ValueError(
                f"workflow {workflow_id!r} has no output: it is {record.status}, "
                "its engine is gone. Resume it."
            )
    return None


def _task_output_now(store: Store, key: int, workflow_id: str, task_id: str) -> StoredValue | None:
    """The output of a task; None: not yet.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or it is over and had no such task.
        ValueError: there will be none: the workflow or the task is over, or no engine has it.
    """
    record = _still_found(store, key, workflow_id)
    number = store.checkpoints.source_of(key, task_id)
    if number is None and record.status in ACTIVE:
        return None  # a continuation may bring it
    is_left = record.status is WorkflowStatus.RESUMABLE
    if number is None:
        way_out = f": it is {record.status}, its engine is gone. A resume may bring one" if is_left else ""
        raise WorkflowNotFoundError(f"No such task_id {task_id!r} in workflow {workflow_id!r}{way_out}")
    # First how things stand, then the output: what is stored between the two reads is seen.
    status = store.checkpoints.task_status(key, number)
    output = store.checkpoints.output(key, number)
    if output is not None:
        return output
    if status is TaskStatus.SUCCESSFUL:
        raise ValueError(
            f"the output of task {task_id!r} of workflow {workflow_id!r} is not stored ({_NOT_STORED})"
        )
    if record.status not in ACTIVE:
        raise ValueError(
            f"task {task_id!r} of workflow {workflow_id!r} has no stored output: "
            f"the workflow is {record.status}" + (", its engine is gone. Resume it." if is_left else "")
        )
    if status in TASK_OVER:  # and the workflow goes on: a task around it caught what was raised
        raise ValueError(f"task {task_id!r} of workflow {workflow_id!r} has no stored output: it is {status}")
    return None


def looking(
    key: int, workflow_id: str, task_id: str | None, asker: str | None
) -> Callable[[Store], StoredValue | None]:
    """A look for an output, to be made again until it is there.

    A task that waits for what its own workflow can't bring before the task has ended would do so for ever,
    and the workflow with it: then the look raises.

    Args:
        key: of the workflow.
        workflow_id: its id.
        task_id: whose output; None: the workflow's.
        asker: the task of this workflow that waits, and does nothing else; None: it is somebody else.
    """
    checked_at = time.monotonic()

    def now(store: Store) -> StoredValue | None:
        if task_id is None:
            return workflow_output_now(store, key, workflow_id)
        return _task_output_now(store, key, workflow_id, task_id)

    def look(store: Store) -> StoredValue | None:
        nonlocal checked_at
        value = now(store)
        if value is not None or asker is None or time.monotonic() - checked_at < _ALL_SECONDS:
            return value
        checked_at = time.monotonic()
        if store.checkpoints.others_go_on(key, asker):
            return None
        if (value := now(store)) is None:  # else it was stored between the two
            raise _never_there(store, key, workflow_id, task_id, asker)
        return value

    return look


def _never_there(
    store: Store, key: int, workflow_id: str, task_id: str | None, asker: str
) -> WorkflowNotFoundError | ValueError:
    if task_id is not None and store.checkpoints.source_of(key, task_id) is None:
        return WorkflowNotFoundError(
            f"No such task_id {task_id!r} in workflow {workflow_id!r}, and none can come: nothing else of it "
            f"goes on before task {asker!r}, which waits for that, has ended"
        )
    wanted = "its own workflow" if task_id is None else f"task {task_id!r} of its own workflow"
    return ValueError(
        f"task {asker!r} of workflow {workflow_id!r} waits for the output of {wanted}, which can't come "
        "before the task itself has ended: have that given to it as an argument, or return "
        "workflow.continuation(...)"
    )


@dataclass(slots=True)
class _Wait:
    """One who waits.

    Attributes:
        key: of the workflow.
        look: asks for the value; None: not yet.
        future: a weak reference to what he was given: once he has dropped that, he waits no more.
    """

    key: int
    look: Callable[[], StoredValue | None]
    future: weakref.ref[OutputFuture]


class Waiting:
    """All in a process who wait for what other engines store: in one thread, however many they are.

    Args:
        store: where it will be.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waits: list[_Wait] = []
        self._keys: set[int] = set()  # of their workflows
        self._to_look: set[int] = set()  # those of them that changed
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._subscription: Subscription | None = None

    def wait_for(self, key: int, look: Callable[[], StoredValue | None]) -> OutputFuture:
        """A future for what a look will give, or raise, in the end.

        Args:
            key: of the workflow that has to change until it does.
            look: asks for the value; None: not yet.
        """
        future = OutputFuture(self._store.values, is_elsewhere=True)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("heliograph was shut down: nothing can be waited for")
            self._waits.append(_Wait(key, look, weakref.ref(future)))
            self._keys.add(key)
            self._to_look.add(key)
            if self._thread is None:
                self._subscription = self._store.news.subscribe(self._concerns, self._note)
                self._thread = threading.Thread(target=self._serve, name="heliograph-wait", daemon=True)
                self._thread.start()
        self._subscription.deliver(Notice(changed=frozenset([key])))  # type: ignore[union-attr]
        return future

    def close(self) -> None:
        """End the thread; those who still wait are told so."""
        with self._lock:
            self._is_closed = True
        if self._thread is not None and self._subscription is not None:
            self._subscription.deliver(Notice(anything=True))
            self._thread.join()

    def _concerns(self, notice: Notice) -> bool:
        return not self._keys.isdisjoint(notice.changed)

    def _note(self, notice: Notice) -> None:
        with self._lock:
            self._to_look |= self._keys if notice.anything else self._keys & notice.changed

    def _serve(self) -> None:
        assert self._subscription is not None
        look_at = time.monotonic()
        while True:
            with self._lock:
                if self._is_closed:
                    waits, self._waits = self._waits, []
                    break
                keys, self._to_look = self._to_look, set()
                now = time.monotonic()
                waits = [wait for wait in self._waits if wait.key in keys or now >= look_at]
            for wait in waits:
                if self._is_over(wait):
                    with self._lock:
                        self._waits.remove(wait)
                        self._keys = {one.key for one in self._waits}
            if now >= look_at or not self._waits:
                # An engine that died tells nobody. Thousands who wait take no more than their share.
                look_at = time.monotonic() + max(_ALL_SECONDS, _SHARE * (time.monotonic() - now))
            with contextlib.suppress(StorageError):  # what can't be asked now may be in a moment
                self._subscription.wait(POLL_SECONDS if self._waits else _ALL_SECONDS)
        for wait in waits:
            if (future := wait.future()) is not None:
                future.fail(RuntimeError("heliograph was shut down while this was waited for"))

    def _is_over(self, wait: _Wait) -> bool:
        future = wait.future()
        if future is None:
            return True
        try:
            value = self._store.again(wait.look)
        except BaseException as error:  # whatever it is, it belongs to whoever asks the future
            future.fail(error)
            return True
        if value is not None:
            future.give(value)
        return value is not None
