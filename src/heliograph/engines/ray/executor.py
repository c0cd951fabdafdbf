"""Attempts as tasks of Ray.

Ray never retries them (the machine does), and never runs one again for its output: an output that Ray has
lost is read from the storage. At most so many tasks wait in Ray at a time; the others wait here, where those
that have proven short gather to batches.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import ray
from ray.exceptions import (
    ObjectLostError,
    RayTaskError,
    TaskCancelledError,
)

from heliograph.engines.executor import AttemptKey, Deliver, Receipt, Running, Said, Work, those_of
from heliograph.engines.ray import task_options, worker
from heliograph.engines.ray.async_lane import AsyncLane
from heliograph.engines.ray.batching import BATCH_SECONDS, MOST, Durations
from heliograph.engines.ray.losses import lost
from heliograph.engines.ray.order import Address, Order, Standing, bare, unpack_receipts
from heliograph.records.report import Report

WINDOW: Final = 64
"""Tasks that may wait in Ray, at least: with more CPUs, more."""
_CPUS_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 0.1  # a cancelled attempt that is not known to run gets so long to end by itself


@dataclass(slots=True, eq=False)
class _Entry:
    """An attempt that is neither ended nor cancelled.

    Attributes:
        work: what to run.
        flight: the task of Ray it is in; None while it waits here.
        submitted: when it was given to Ray, Unix seconds.
        running: what its worker reported.
        alone: it is not to be in a batch.
        from_storage: Ray has lost an input of it.
    """

    work: Work
    flight: _Flight | None = None
    submitted: float = 0.0
    running: Running | None = None
    alone: bool = False
    from_storage: bool = False


@dataclass(slots=True, eq=False)
class _Flight:
    """A task of Ray.

    Attributes:
        entries: the attempts in it.
        receipts: the reference to their receipts.
        output: the reference to the output of the only attempt.
        waits: it is not known to run.
        is_killed: it was cancelled.
    """

    entries: list[_Entry]
    receipts: Any = None
    output: Any = None
    waits: bool = True
    is_killed: bool = False


@dataclass(slots=True)
class _Group:
    """Attempts with the same options of Ray, in order of submission."""

    queue: deque[_Entry] = field(default_factory=deque)
    waiting: int = 0
    """Tasks that wait in Ray."""


class RayExecutor:
    """Runs attempts as tasks of Ray.

    Args:
        deliver: takes the receipts.
        sender: the coordinator whose executor it is.
    """

    def __init__(self, deliver: Deliver, sender: Address) -> None:
        self._deliver = deliver
        self._sender = sender
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._entries: dict[AttemptKey, _Entry] = {}
        self._groups: dict[str, _Group] = {}
        self._durations = Durations()
        self._async = AsyncLane(deliver, sender)
        self._cpus = 1.0
        self._cpus_at = 0.0
        self._is_closed = False
        self._thread = threading.Thread(target=self._send_all, name="heliograph-sender", daemon=True)
        self._thread.start()

    # -- what the loop calls

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        if work.function.is_async:
            self._async.submit(work)
            return
        entry = _Entry(work)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the executor is closed")
            is_only = not self._entries
            self._entries[work.key] = entry
            if not is_only:
                self._enqueue(entry)
                return
            self._group_of(entry).waiting += 1
        self._send(_Flight([entry]))  # a chain does not wait for another thread

    def cancel(self, key: AttemptKey) -> None:
        """See `Executor.cancel`: the worker that has the attempt is killed."""
        with self._lock:
            entry = self._entries.pop(key, None)
            flight = None if entry is None else entry.flight
        if entry is None:
            self._async.cancel(key)
        elif entry.running is not None:
            self._kill(flight)
        elif flight is not None:  # most likely it ends before a kill and another worker's start would be over
            timer = threading.Timer(_GRACE_SECONDS, self._kill, (flight,))
            timer.daemon = True
            timer.start()

    def running(self, of: Collection[AttemptKey] | None = None) -> Iterable[Running]:
        """See `Executor.running`: those that their workers reported."""
        with self._lock:
            entries = those_of(self._entries, of)
        return [entry.running for entry in entries if entry.running] + self._async.running(of)

    def close(self) -> None:
        """Stop everything."""
        with self._lock:
            flights = {id(entry.flight): entry.flight for entry in self._entries.values() if entry.flight}
            self._entries.clear()
            self._groups.clear()
            self._is_closed = True
            self._news.notify()
        for flight in flights.values():
            self._kill(flight)
        self._async.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- what workers report

    def said(self, key: AttemptKey, report: Report) -> None:
        """An attempt said something."""
        self._deliver(Said(key, report))

    def note(self, report: Standing) -> None:
        """A worker has had attempts for a while."""
        wanted = []
        with self._lock:
            for key, started in report.started:
                entry = self._entries.get(key)
                if entry is None:
                    self._async.note_running(report.worker, key, started)
                elif entry.flight is not None and entry.submitted == report.submitted:
                    entry.running = Running(key, report.worker, report.submitted, started)
                    self._stops_waiting(entry.flight)
            for key in report.given_back:
                entry = self._entries.get(key)
                if entry is not None and entry.submitted == report.submitted:
                    self._enqueue(entry)
            for receipt in report.receipts:
                entry = self._entries.get(receipt.key)
                if entry is not None and entry.submitted == report.submitted:
                    del self._entries[receipt.key]
                    wanted.append(receipt)
            self._news.notify()
        for receipt in wanted:
            self._deliver(receipt)

    # -- the sender's thread

    def _send_all(self) -> None:
        while True:
            with self._lock:
                ready = self._take()
                while not ready and not self._is_closed:
                    self._news.wait()
                    ready = self._take()
                if self._is_closed:
                    return
            for flight in ready:
                self._send(flight)
            if time.monotonic() >= self._cpus_at:
                self._cpus_at = time.monotonic() + _CPUS_SECONDS
                self._cpus = max(1.0, ray.cluster_resources().get("CPU", 1.0))

    def _take(self) -> list[_Flight]:
        """The next tasks of Ray: few, so that what comes meanwhile gathers. Called under the lock."""
        taken: list[_Flight] = []
        window = max(WINDOW, 4 * self._cpus)
        for group in list(self._groups.values()):
            while group.queue and group.waiting < window and len(taken) < WINDOW:
                entries = self._next_of(group)
                if entries:
                    flight = _Flight(entries)
                    group.waiting += 1
                    taken.append(flight)
        self._groups = {name: group for name, group in self._groups.items() if group.queue or group.waiting}
        return taken

    def _next_of(self, group: _Group) -> list[_Entry]:
        """The head of the queue, with those behind it that may travel with it."""
        taken: list[_Entry] = []
        left = BATCH_SECONDS
        most = min(MOST, max(1, int(len(group.queue) / self._cpus)))
        while group.queue and len(taken) < most:
            entry = group.queue[0]
            if self._entries.get(entry.work.key) is not entry or entry.flight is not None:
                group.queue.popleft()  # cancelled, or it came back meanwhile
                continue
            seconds = None if entry.alone else self._durations.of(entry.work)
            if taken and (seconds is None or seconds > left):
                break
            taken.append(group.queue.popleft())
            if seconds is None:
                break
            left -= seconds
        return taken

    def _send(self, flight: _Flight) -> None:
        entries = flight.entries
        now = time.time()
        works = tuple([bare(entry.work) for entry in entries])
        given: list[int] = []
        objects: list[Any] = []
        referred: dict[int, Any] = {}
        first = entries[0]
        if len(entries) == 1 and not first.from_storage:
            references = first.work.options.references
            for place, value in enumerate(first.work.inputs):
                if value.handle is not None and place in references:
                    referred[place] = value.handle
                elif value.handle is not None:
                    given.append(place)
                    objects.append(value.handle)
        order = Order(self._sender, now, works, tuple(given))
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        with self._lock:
            for entry in entries:
                entry.flight, entry.submitted = flight, now
        try:
            function = _remote(first.work.options.ray or task_options.NONE, f"{first.work.task_id}{more}")
            flight.receipts, flight.output = function.remote(order.packed(), referred, *objects)
            future = flight.receipts.future()
        except Exception as error:  # an option that Ray refuses only now, or no cluster any more
            self._landed(flight, None, error)
            return
        future.add_done_callback(functools.partial(self._done, flight))
        if flight.is_killed:  # while it was on its way
            self._kill(flight)

    # -- what comes back, in a thread of Ray's

    def _done(self, flight: _Flight, future: Any) -> None:
        error = future.exception()
        self._landed(flight, None if error is not None else future.result(), error)

    def _landed(self, flight: _Flight, data: bytes | None, error: BaseException | None) -> None:
        receipts = [] if data is None else unpack_receipts(data)
        mine = {entry.work.key: entry for entry in flight.entries}
        output, flight.output, flight.receipts = flight.output, None, None
        wanted: list[Receipt] = []
        with self._lock:
            self._stops_waiting(flight)
            for receipt in receipts:
                entry = mine.pop(receipt.key)
                self._durations.learn(entry.work, receipt)
                if self._entries.get(receipt.key) is entry and entry.flight is flight:
                    del self._entries[receipt.key]
                    wanted.append(_with_handle(receipt, output))
            left = [
                entry
                for entry in mine.values()
                if self._entries.get(entry.work.key) is entry and entry.flight is flight
            ]
            again = self._goes_again(flight, left, error)
            if not again:
                for entry in left:
                    del self._entries[entry.work.key]
            self._news.notify()
        for receipt in wanted:
            self._deliver(receipt)
        if not again:
            for entry in left:
                self._deliver(lost(entry.work, entry.submitted, entry.running, error))

    def _goes_again(self, flight: _Flight, left: Sequence[_Entry], error: BaseException | None) -> bool:
        """Whether attempts without a receipt go again, uncounted. Called under the lock."""
        if self._is_closed:
            return False
        if not left:
            return False
        input_is_lost = isinstance(_root(error), ObjectLostError) and not left[0].from_storage
        if not (error is None or flight.is_killed or input_is_lost or len(flight.entries) > 1):
            return False
        for entry in left:
            entry.alone = error is not None
            entry.from_storage = entry.from_storage or input_is_lost
            self._enqueue(entry)
        return True

    # -- what they have in common

    def _enqueue(self, entry: _Entry) -> None:
        """It waits for its turn. Called under the lock."""
        entry.flight, entry.running = None, None
        self._group_of(entry).queue.append(entry)
        self._news.notify()

    def _group_of(self, entry: _Entry) -> _Group:
        options = entry.work.options.ray or task_options.NONE
        group = self._groups.get(options)
        if group is None:
            group = self._groups[options] = _Group()
        return group

    def _stops_waiting(self, flight: _Flight) -> None:
        """It runs, or is over. Called under the lock."""
        if not flight.waits:
            return
        flight.waits = False
        group = self._groups.get(flight.entries[0].work.options.ray or task_options.NONE)
        if group is not None:
            group.waiting -= 1

    def _kill(self, flight: _Flight | None) -> None:
        if flight is None:
            return
        flight.is_killed = True
        receipts = flight.receipts
        if receipts is not None:
            _cancel(receipts)


def _with_handle(receipt: Receipt, handle: Any) -> Receipt:
    """The receipt, with the object that the output still is in Ray's store."""
    output = receipt.output
    if output is None or output.location is None:
        return receipt
    return receipt._replace(output=replace(output, handle=handle))


def _root(error: BaseException | None) -> BaseException | None:
    """What went wrong, where Ray wraps it as an error of the task."""
    return error.cause if isinstance(error, RayTaskError) else error


def _cancel(reference: Any) -> None:
    try:
        ray.cancel(reference, force=True)
    except (TaskCancelledError, ValueError, RuntimeError):  # it is over, or the cluster is
        return


@functools.lru_cache(maxsize=1024)
def _function(stored: str) -> Any:
    options = dict(task_options.restored(stored))
    options.pop("name", None)
    return ray.remote(num_returns=2, max_retries=0, **options)(worker.run)


def _remote(stored: str, name: str) -> Any:
    return _function(stored).options(name=task_options.restored(stored).get("name") or name)
