"""Runs one attempt, in whatever worker it finds itself: the same for processes, threads and Ray."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from types import CoroutineType
from typing import Any, Final, Literal

from heliograph.engines.executor import Payload, Receipt, Work
from heliograph.engines.failures import dotted, failure_of, rebuildable
from heliograph.engines.measure import Meter
from heliograph.engines.receipts import wrapped
from heliograph.errors import StorageError, WorkflowTaskNotRecoverableError
from heliograph.graph.function import load
from heliograph.graph.node import Inputs, Node
from heliograph.graph.pickling import dumps, loads
from heliograph.graph.plan import Plan, make_plan, restore_arguments
from heliograph.records.attempt import Phases, StoredValue, Worker
from heliograph.records.context import Current, running
from heliograph.storage.values import INLINE_LIMIT, ValueStore


class Functions:
    """The functions a worker has loaded; one of these for each engine, since tokens are unique only there."""

    LIMIT: Final = 1024

    def __init__(self) -> None:
        self._loaded: dict[int, Callable[..., Any]] = {}

    def get(self, payload: Payload) -> Callable[..., Any]:
        """The function, loaded once for as long as it is remembered."""
        function = self._loaded.get(payload.token)
        if function is None:
            function = load(payload.data)
            if len(self._loaded) >= self.LIMIT:  # an engine that lives long sees functions without end
                self._loaded.clear()
            self._loaded[payload.token] = function
        return function


def run_attempt(
    work: Work,
    worker: Worker,
    submitted: float,
    measured: Literal["exclusive", "shared"],
    functions: Functions,
) -> Receipt:
    """Run an attempt and say how it went; whatever the task raises ends up in the receipt.

    Args:
        work: the attempt.
        worker: who runs it.
        submitted: when the executor got it, Unix seconds.
        measured: whether anything else runs in this process meanwhile.
        functions: what this worker has loaded before.
    """
    # One reading of the wall clock, and a clock that can't go back from there.
    meter = Meter(measured)
    started = max(time.time(), submitted)
    anchor = started - time.perf_counter()
    loaded = finished = None
    output: StoredValue | None = None
    continuation: Plan | None = None
    context = running.set(
        Current(work.workflow_id, work.task_id, work.key.attempt, work.key.run, work.key.run > 1)
    )
    failed: BaseException | None = None
    try:
        function = _load_function(work, functions)
        args, kwargs = _load_arguments(work)
        loaded = anchor + time.perf_counter()
        try:
            value = function(*args, **kwargs)
            if type(value) is CoroutineType:
                value = _run_coroutine(value)
        finally:
            finished = anchor + time.perf_counter()
        if isinstance(value, Node):
            continuation = make_plan(value, Inputs())
        else:
            output = _store(wrapped(value, work.wraps), work, "the output")
    except BaseException as error:  # sys.exit() in a task ends the task, not the worker
        failed = error
    finally:
        running.reset(context)
    serialised = anchor + time.perf_counter() if failed is None else None
    resources = meter.read()
    phases = Phases(None, None, submitted, started, loaded, finished, serialised)
    if failed is None:
        return Receipt(work.key, worker, phases, resources, output, continuation=continuation)
    try:
        failure = failure_of(failed)
        caught = None if work.caught_wraps is None else _caught(failed, rebuildable(failed, failure), work)
        return Receipt(work.key, worker, phases, resources, None, failure, caught)
    finally:
        failed = None  # or the frames in its traceback keep each other, and the task's values, alive


def _load_function(work: Work, functions: Functions) -> Callable[..., Any]:
    try:
        return functions.get(work.function)
    except WorkflowTaskNotRecoverableError:
        raise
    except BaseException as error:  # importing runs anybody's code
        raise _not_loaded(work, f"its function {work.function.name!r}", error) from error


def _load_arguments(work: Work) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        return restore_arguments(
            _bytes(work.arguments, work), [loads(_bytes(value, work)) for value in work.inputs]
        )
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


def _bytes(value: StoredValue, work: Work) -> bytes:
    if value.data is not None:
        return value.data
    if value.location is None:
        raise StorageError(f"an input of task {work.task_id!r} is neither inline nor in the value store")
    return _value_store(work.values).get(value.location, value.sha256)


def _store(value: object, work: Work, what: str) -> StoredValue:
    data = dumps(value, f"{what} of task {work.task_id!r}")
    size, checksum, kind = len(data), hashlib.sha256(data).hexdigest(), dotted(type(value))
    if size <= INLINE_LIMIT:
        return StoredValue(size, checksum, kind, data)
    location = _value_store(work.values).put(data, str(work.key.workflow))
    return StoredValue(size, checksum, kind, None, location)


def _caught(error: BaseException, given: BaseException, work: Work) -> StoredValue:
    """``(None, exception)`` as an output."""
    wraps = work.caught_wraps or 0
    try:
        return _store(wrapped((None, given), wraps), work, "the exception")
    except Exception:  # too large for the disk, or not to be pickled after all
        said = rebuildable(error, replace(failure_of(error), error=None))
        return _store(wrapped((None, said), wraps), work, "the exception")
