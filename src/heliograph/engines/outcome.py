"""What the one who waits for a workflow gets: its output, or the error that says why there is none."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from concurrent.futures._base import FINISHED
from typing import Any, Final

from heliograph.engines.attempts.failures import notes_of, text_of
from heliograph.engines.callbacks import call_soon
from heliograph.engines.compensation import compensated
from heliograph.errors import (
    RemoteError,
    StorageCorruptError,
    StorageError,
    WorkflowCancellationError,
    WorkflowError,
    WorkflowExecutionError,
    WorkflowTakenOverError,
)
from heliograph.graph.pickling import load, loads
from heliograph.records import type_names
from heliograph.records.attempt import Failure, StoredValue
from heliograph.records.status import WorkflowStatus
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.values.value_store import ValueStore

_heard: Final[set[Future[Any]]] = set()
"""Those with callbacks, until they are given: whoever has added one need not keep the future."""


class OutputFuture(Future[Any]):
    """The output of a workflow, once it has one.

    The output is unpickled in the thread that asks for it, not in the engine's; each `OutputFuture` gives one
    object, however often it is asked.

    Args:
        values: where the output is if it is large.
        hurry: called when somebody begins to wait for what is held back; None: nothing ever is.
        is_elsewhere: no engine of this process has the workflow, as far as is known.
    """

    _done_callbacks: list[Callable[[Future[Any]], object]]  # of `Future`, which forgets none

    def __init__(
        self, values: ValueStore, hurry: Callable[[], object] | None = None, is_elsewhere: bool = False
    ) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()  # Future.cancel() is not how a workflow is cancelled
        self._values = values
        self._loaded: list[Any] = []
        self._hurry = hurry
        self._is_awaited = hurry is None
        self._is_held = False
        self._is_elsewhere = is_elsewhere
        self._ungiven = threading.Lock()  # see `_wait`
        self._ungiven.acquire()

    def give(self, output: StoredValue) -> None:
        """The engine's `set_result`."""
        self._hurry = None
        super().set_result(output)
        self._ungiven.release()
        _heard.discard(self)

    def fail(self, error: BaseException) -> None:
        """The engine's `set_exception`."""
        self._hurry = None
        super().set_exception(error)
        self._ungiven.release()
        _heard.discard(self)

    def set_result(self, result: Any) -> None:
        """Refused: only the engine gives the output, and could not after this.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("an output can't be set: its workflow gives it; `workflow.cancel` ends that early")

    def set_exception(self, exception: BaseException | None) -> None:
        """As `set_result`."""
        self.set_result(exception)

    def hold(self) -> bool:
        """Whether the workflow's begin or end, which is due, may be put off: nobody waits for its output."""
        self._is_held = True  # first: who begins to wait right now sees this, or is seen
        return not self._is_awaited

    def _await(self) -> None:
        self._is_awaited = True
        hurry = self._hurry
        if self._is_held and hurry is not None:
            hurry()

    def _wait(self, timeout: float | None) -> None:
        """Wait until it is given, by a lock of its own: the engine needs that of `Future` to give it.

        What the handler of a signal raises in the thread that waits (Ctrl-C does) may leave a `Condition`
        locked, and the engine would wait for that, with all its workflows.
        """
        if self._state == FINISHED:  # `done` says so a moment before the lock does; and takes the other one
            return
        with compensated(self, self._is_elsewhere):
            if timeout is None:
                with self._ungiven:
                    return
            if not self._ungiven.acquire(timeout=max(timeout, 0.0)):
                raise TimeoutError
            self._ungiven.release()

    def stored(self) -> StoredValue:
        """The output as it is stored, where it is there; raises as `result`."""
        value: StoredValue = super().result(0)
        return value

    def result(self, timeout: float | None = None) -> Any:
        """The output.

        Args:
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            TimeoutError: it is not there yet.
            WorkflowExecutionError: the workflow failed.
            WorkflowCancellationError: it was cancelled.
        """
        self._await()
        try:
            self._wait(timeout)
            value = super().result(0)
        except WorkflowExecutionError as error:
            caused(error)
            raise
        return self._load(value)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `result`, but what it would raise is returned; None: there is an output."""
        self._await()
        self._wait(timeout)
        error = super().exception(0)
        if error is not None:
            return caused(error)
        try:
            self._load(super().result(0))
        except Exception as damaged:  # whatever the code of its classes does
            return damaged
        return None

    def __await__(self) -> Generator[Any, None, Any]:
        """The output, in a coroutine; it is loaded in the thread of the event loop."""
        import asyncio  # late: whoever awaits has it already, and others need none of it

        return asyncio.wrap_future(_Awaited(self)).__await__()

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        """Done, cancelled, `result`, `exception`: asyncio of Python 3.14 asks for all of it at once."""
        if not self.done():
            return False, False, None, None
        error = self.exception()
        return True, False, None if error is not None else self.result(), error

    def _load(self, value: StoredValue) -> Any:
        if not self._loaded:
            self._loaded.append(load_value(value, self._values))
        return self._loaded[0]

    def when_settled(self, tell: Callable[[], object]) -> None:
        """As `add_done_callback`, for what is done in no time: it is called by whoever brings the end."""
        self.call_later(lambda _done: tell())

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Call a function when the workflow has ended: at once if it has, else from a thread for callbacks.

        Args:
            fn: called with this future.
        """
        if self.done():
            super().add_done_callback(fn)
        else:
            self.call_later(lambda done: call_soon(functools.partial(fn, done)))

    def call_later(self, call: Callable[[Future[Any]], object]) -> None:
        """As `add_done_callback`, but in the thread that brings the end, and not after `forget`."""
        _heard.add(self)
        super().add_done_callback(call)
        if self.done():
            _heard.discard(self)
        self._await()

    def forget(self, call: Callable[[Future[Any]], object]) -> None:
        """Undo `call_later`: a service may ask for the output of a long workflow often."""
        with self._condition:
            if self._state != FINISHED and call in self._done_callbacks:
                self._done_callbacks.remove(call)
                if not self._done_callbacks:
                    _heard.discard(self)


class _Awaited(Future[Any]):
    """An output as somebody awaits it: asyncio cancels this when he is cancelled, and he is forgotten then.

    Args:
        output: the output.
    """

    def __init__(self, output: OutputFuture) -> None:
        super().__init__()
        self._output = output
        self._call: Callable[[Future[Any]], object] | None = None

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        if self.done():
            fn(self)
        else:
            self._call = lambda _output: call_soon(functools.partial(fn, self))
            self._output.call_later(self._call)

    def cancel(self) -> bool:
        if self._call is not None:
            self._output.forget(self._call)
        return False

    def cancelled(self) -> bool:
        return False

    def done(self) -> bool:
        return self._output.done()

    def result(self, timeout: float | None = None) -> Any:
        return self._output.result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return self._output.exception(timeout)

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        return self._output._get_snapshot()


def load_value(value: StoredValue, values: ValueStore) -> Any:
    """The object that a stored value holds.

    Raises:
        StorageCorruptError: its bytes are gone, or are not what was stored.
        Exception: its classes can't be had here; a note says that the output is kept.
    """
    try:
        if value.data is not None:
            if hashlib.sha256(value.data).hexdigest() != value.sha256:
                raise StorageCorruptError(
                    f"a stored output of {value.size} bytes, in the database, is not what was stored: put a "
                    "backup in its place, or run `heliograph storage check --forget` and resume the workflow"
                )
            return loads(value.data)
        if value.location is None:
            raise StorageCorruptError(f"a stored value of {value.size} bytes has neither data nor a location")
        with values.open(value.location, value.sha256) as file:
            return load(file)
    except StorageError:
        raise
    except Exception as error:  # whatever the code of its classes does
        error.add_note(
            f"It was raised while a stored output of {value.size} bytes was loaded. The output is kept: "
            "load it where all modules and classes that it is made of can be imported."
        )
        raise


def execution_error(
    workflow_id: str,
    task_id: str | None,
    failure: Failure,
    kind_of_error: type[WorkflowExecutionError] = WorkflowExecutionError,
) -> WorkflowExecutionError:
    """The error of a failed workflow; `caused` gives it the task's own as its cause.

    Args:
        workflow_id: of the workflow.
        task_id: of the task that failed it; None: it was given up.
        failure: the task's error; where it was raised goes with the cause as a note.
        kind_of_error: what to make.
    """
    kind, message, traceback = failure.kind, failure.message, failure.traceback
    short = type_names.said(kind)
    place = f"workflow {workflow_id!r} failed" + ("" if task_id is None else f" in task {task_id!r}")
    failed = kind_of_error(f"{place}: {short}: {message}" if message else f"{place}: {short}")
    notes = [f"In the task {task_id!r}:\n{traceback.rstrip()}"] if traceback else []
    failed.make_cause = functools.partial(rebuilt, kind, message, failure.error, notes)
    return failed


def caused(error: BaseException) -> BaseException:
    """The error with its cause, which is loaded here: in the thread of whoever asks for it."""
    make_cause = error.make_cause if isinstance(error, WorkflowExecutionError) else None
    if make_cause is not None:
        error.__cause__ = make_cause()
        error.make_cause = None  # type: ignore[attr-defined]
    return error


def cancellation_error(
    workflow_id: str, kind: type[WorkflowCancellationError] = WorkflowCancellationError
) -> WorkflowCancellationError:
    """The error for those who wait for a workflow that was cancelled."""
    return kind(f"workflow {workflow_id!r} was cancelled")


def loss_error(workflow_id: str, status: WorkflowStatus | None) -> WorkflowError:
    """The error for those who wait for a run that its engine has lost.

    Args:
        workflow_id: of the workflow.
        status: of the run, as it is stored; None: it is stored no more.
    """
    match status:
        case WorkflowStatus.CANCELED:
            return cancellation_error(workflow_id)
        case None:  # for that, it was cancelled; or its engine stood still, and was taken for gone
            return WorkflowCancellationError(f"workflow {workflow_id!r} was deleted before it had ended")
        case _:
            return WorkflowTakenOverError(
                f"workflow {workflow_id!r} was taken over by another engine, since this one was not heard of "
                f"for {LEASE_SECONDS:.0f} s: workflow.get_output({workflow_id!r}) waits for its output"
            )


def rebuilt(kind: str, message: str, error: bytes | None, notes: Sequence[str]) -> BaseException:
    """The exception that a task raised, from what is kept of it.

    Loading it, and all that is asked of it, runs anybody's code, which may even raise SystemExit: nothing of
    that may reach the engine.

    Args:
        kind: its type, dotted.
        message: its text.
        error: it, pickled; None: it could not be.
        notes: that it gets, where it takes any.
    """
    reason = ""
    if error is not None:
        try:
            value = loads(error)
            if isinstance(value, BaseException):
                return _noted(value, notes)
        except BaseException as refusal:
            reason = f" (it can't be rebuilt here: {text_of(refusal)})"
    return _noted(RemoteError(f"{kind}: {message}{reason}"), notes)


def _noted(error: BaseException, notes: Sequence[str]) -> BaseException:
    known = notes_of(error)
    with contextlib.suppress(BaseException):  # it takes none: the metadata alone tell where it was raised
        for note in notes:
            if note not in known:
                error.add_note(note)
    return error
