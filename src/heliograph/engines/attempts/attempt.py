"""Runs one attempt, in whatever worker it finds itself: the same for processes, threads and Ray."""

from __future__ import annotations

import hashlib
import inspect
import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from types import CoroutineType
from typing import Any, BinaryIO, Final, Literal

from heliograph.engines.attempts.executor import Payload, Receipt, Work
from heliograph.engines.attempts.failures import failure_of, rebuildable
from heliograph.engines.attempts.measure import Meter
from heliograph.engines.attempts.receipts import wrapped
from heliograph.engines.attempts.reporting import Outlet, Send
from heliograph.engines.attempts.threads import in_thread
from heliograph.engines.dags import node_of, plan_of
from heliograph.errors import StorageError, WorkflowTaskNotRecoverableError
from heliograph.graph.function import load as load_function
from heliograph.graph.node import NoInputs
from heliograph.graph.pickling import dump, load, loads, plain
from heliograph.graph.plan import Plan, restore_arguments
from heliograph.records.attempt import Phases, Pickled, Resources, StoredValue, Worker
from heliograph.records.context import Current, loading, running
from heliograph.records.type_names import dotted
from heliograph.storage.values.arguments import place_arguments
from heliograph.storage.values.value_store import ValueStore


class Functions:
    """The functions a worker has loaded; one of these for each engine, since tokens are unique only there."""

    LIMIT: Final = 1024

    def __init__(self) -> None:
        self._loaded: dict[int, Callable[..., Any]] = {}

    def get(self, payload: Payload) -> Callable[..., Any]:
        """The function, loaded once for as long as it is remembered."""
        function = self._loaded.get(payload.token)
        if function is None:
            function = load_function(payload.data)
            if len(self._loaded) >= self.LIMIT:  # an engine that lives long sees functions without end
                self._loaded.clear()
            self._loaded[payload.token] = function
        return function


class Traffic:
    """How inputs come to an attempt and its output leaves: as bytes, unless an engine knows a shorter way."""

    def input(self, _place: int, value: Pickled, work: Work) -> Any:
        """The input at a place."""
        if isinstance(value, bytes):
            return loads(value)
        with _opened(value, work) as file:
            return load(file)

    def reference(self, place: int, output: Callable[[int], Any]) -> Any:
        """A reference to the input at a place, for tasks that take such.

        Args:
            place: of the input.
            output: gives the input itself.
        """
        raise TypeError(f"input {place} is taken as a reference: the task runs on Ray only")

    def leave(self, output: Any, value: StoredValue) -> None:
        """Told of the attempt's output, as an object and as it is stored."""


_AS_BYTES: Final = Traffic()


class _Attempt:
    """An attempt on its way to a receipt: all that does not depend on how its function is called.

    Args:
        work: the attempt.
        worker: who runs it.
        submitted: when the executor got it, Unix seconds.
        meter: measures it; None: what it uses can't be told from what others use.
        send: takes what it says.
        traffic: how inputs and output travel.
    """

    __slots__ = (
        "_anchor",
        "_arguments",
        "_context",
        "_continuation",
        "_finished",
        "_loaded",
        "_meter",
        "_outlet",
        "_output",
        "_started",
        "_submitted",
        "_traffic",
        "_work",
        "_worker",
    )

    def __init__(
        self,
        work: Work,
        worker: Worker,
        submitted: float,
        meter: Meter | None,
        send: Send,
        traffic: Traffic,
    ) -> None:
        self._traffic = traffic
        self._work = work
        self._worker = worker
        self._submitted = submitted
        self._meter = meter
        # One reading of the wall clock, and a clock that can't go back from there.
        self._started = started = max(time.time(), submitted)
        self._anchor = started - time.perf_counter()
        self._loaded: float | None = None
        self._finished: float | None = None
        self._output: StoredValue | None = None
        self._continuation: Plan | None = None
        self._arguments: tuple[Pickled, ...] = ()
        self._outlet = Outlet(send)
        key = work.key
        self._context = running.set(
            Current(
                work.workflow_id,
                work.task_id,
                key.attempt,
                key.run,
                key.run > 1,
                self._outlet,
                key.workflow,
            )
        )

    def load(self, functions: Functions) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """What to call, and with what."""
        was_loading = loading.set(True)
        try:
            function = _load_function(self._work, functions)
            args, kwargs = _load_arguments(self._work, self._traffic)
        finally:
            loading.reset(was_loading)
        self._loaded = self._anchor + time.perf_counter()
        return function, args, kwargs

    def called(self) -> None:
        """The function has returned, or raised."""
        self._finished = self._anchor + time.perf_counter()

    def keep(self, value: Any) -> None:
        """Take what the function returned."""
        if (node := node_of(value)) is not None:
            plan, key = plan_of(node, NoInputs(self._work.task_id)), self._work.key
            self._continuation, self._arguments, _ = place_arguments(
                plan, _value_store(self._work.values), str(key.workflow)
            )
        else:
            output = wrapped(value, self._work.wraps) if self._work.wraps else value
            self._output = _store(output, self._work, "the output")
            self._traffic.leave(output, self._output)

    def succeeded(self) -> Receipt:
        """The receipt: it went well."""
        self.leave()
        serialised = self._anchor + time.perf_counter()
        return Receipt(
            self._work.key,
            self._worker,
            Phases(None, None, self._submitted, self._started, self._loaded, self._finished, serialised),
            _SHARED if self._meter is None else self._meter.read(),
            self._output,
            continuation=self._continuation,
            arguments=self._arguments,
        )

    def failed(self, error: BaseException) -> Receipt:
        """The receipt: something was raised."""
        self.leave()
        work = self._work
        phases = Phases(None, None, self._submitted, self._started, self._loaded, self._finished)
        used = _SHARED if self._meter is None else self._meter.read()
        failure = failure_of(error)
        caught = None if work.caught_wraps is None else _caught(error, rebuildable(error, failure), work)
        return Receipt(work.key, self._worker, phases, used, None, failure, caught)

    def leave(self) -> None:
        """It is over, and has said all that it will."""
        running.reset(self._context)
        self._outlet.close()


def run_attempt(
    work: Work,
    worker: Worker,
    submitted: float,
    measured: Literal["exclusive", "shared"],
    functions: Functions,
    send: Send,
    traffic: Traffic = _AS_BYTES,
) -> Receipt:
    """Run an attempt and say how it went; whatever the task raises ends up in the receipt.

    Args:
        work: the attempt.
        worker: who runs it.
        submitted: when the executor got it, Unix seconds.
        measured: whether anything else runs in this process meanwhile.
        functions: what this worker has loaded before.
        send: takes what the task says meanwhile.
        traffic: how inputs and output travel.
    """
    attempt = _Attempt(work, worker, submitted, Meter(measured), send, traffic)
    try:
        function, args, kwargs = attempt.load(functions)
        try:
            value = function(*args, **kwargs)
            if type(value) is CoroutineType:  # what returned it did not look as if it would
                value = _run_coroutine(value)
        finally:
            attempt.called()
        attempt.keep(value)
    except BaseException as error:  # sys.exit() in a task ends the task, not the worker
        return attempt.failed(error)
    return attempt.succeeded()


async def run_attempt_async(
    work: Work,
    worker: Worker,
    submitted: float,
    functions: Functions,
    is_wanted: Callable[[], bool],
    send: Send,
) -> Receipt | None:
    """As `run_attempt`, for one that waits on an event loop beside others; it has to be a task of its own.

    What one of many coroutines used can't be measured, so nothing is said of it.

    Args:
        work: the attempt.
        worker: who runs it.
        submitted: when the executor got it, Unix seconds.
        functions: what this worker has loaded before.
        is_wanted: whether anybody waits for the receipt of what was raised; asked when something was.
        send: takes what the task says meanwhile.

    Returns:
        The receipt; None: nobody wants one.
    """
    attempt = _Attempt(work, worker, submitted, None, send, _AS_BYTES)
    try:
        function, args, kwargs = attempt.load(functions)
        try:
            if inspect.iscoroutinefunction(function):
                value = await function(*args, **kwargs)
            else:  # a wrapper of such a function may do anything before there is something to await
                value = await in_thread(partial(function, *args, **kwargs))
                if inspect.isawaitable(value):
                    value = await value
        finally:
            attempt.called()
        attempt.keep(value)
    except BaseException as error:  # a cancellation too, if it is the task's own
        if not is_wanted():
            attempt.leave()
            return None
        return attempt.failed(error)
    return attempt.succeeded()


_SHARED: Final = Resources(measured="shared")


def _load_function(work: Work, functions: Functions) -> Callable[..., Any]:
    try:
        return functions.get(work.function)
    except WorkflowTaskNotRecoverableError:
        raise
    except BaseException as error:  # importing runs anybody's code
        raise _not_loaded(work, f"its function {work.function.name!r}", error) from error


def _load_arguments(work: Work, traffic: Traffic) -> tuple[tuple[Any, ...], dict[str, Any]]:
    loaded: dict[int, Any] = {}

    def output(place: int) -> Any:
        if place not in loaded:
            loaded[place] = traffic.input(place, work.inputs[place], work)
        return loaded[place]

    try:
        given = work.arguments
        if not work.inputs and isinstance(given, bytes):  # nothing in them stands for anything else
            restored: tuple[tuple[Any, ...], dict[str, Any]] = loads(given)
            return restored
        with io.BytesIO(given) if isinstance(given, bytes) else _opened(given, work) as file:
            return restore_arguments(file, output, lambda place: traffic.reference(place, output))
    except StorageError:
        raise
    except BaseException as error:  # unpickling runs anybody's code
        raise _not_loaded(work, "its arguments", error) from error


def _not_loaded(work: Work, what: str, error: BaseException) -> WorkflowTaskNotRecoverableError:
    return WorkflowTaskNotRecoverableError(
        f"task {work.task_id!r} can't run: {what} can't be loaded in the worker: "
        f"{type(error).__name__}: {error}"
    )


def _run_coroutine(coroutine: CoroutineType[Any, Any, Any]) -> Any:
    import asyncio  # late: it takes longer to import than all else here

    return asyncio.run(coroutine)


_stores: Final[dict[str, ValueStore]] = {}


def _value_store(url: str) -> ValueStore:
    store = _stores.get(url)
    if store is None:
        store = _stores[url] = ValueStore(url)
    return store


def _opened(value: StoredValue, work: Work) -> AbstractContextManager[BinaryIO]:
    if value.location is None:
        raise StorageError(f"an input of task {work.task_id!r} is neither inline nor in the value store")
    return _value_store(work.values).open(value.location, value.sha256)


def _store(value: object, work: Work, what: str) -> StoredValue:
    data = plain(value)
    if data is not None:
        return StoredValue(len(data), hashlib.sha256(data).hexdigest(), dotted(type(value)), data)
    with _value_store(work.values).writer(str(work.key.workflow)) as writer:
        dump(value, writer, f"{what} of task {work.task_id!r}")
        return writer.finish(dotted(type(value)))


def _caught(error: BaseException, given: BaseException, work: Work) -> StoredValue:
    """``(None, exception)`` as an output."""
    wraps = work.caught_wraps or 0
    try:
        return _store(wrapped((None, given), wraps), work, "the exception")
    except BaseException:  # too large for the disk, or not to be pickled after all
        said = rebuildable(error, replace(failure_of(error), error=None))
        return _store(wrapped((None, said), wraps), work, "the exception")
