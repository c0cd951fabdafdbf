"""Attempts as tasks of Ray.

Ray never retries them (the machine does), and never runs one again for its output: an output that Ray has
lost is read from the storage. At most so many tasks wait in Ray at a time; the others wait here, where those
that have proven short gather to batches. And a worker that is done may ask for more before its task of Ray
ends: the links of a chain, and what comes in bit by bit, find a worker that has its CPU already.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import ray
from ray.exceptions import (
    ObjectLostError,
    RayTaskError,
    TaskCancelledError,
)

from heliograph.engines.attempts.executor import AttemptKey, Deliver, Receipt, Running, Said, Work
from heliograph.engines.ray import placing, task_options, worker
from heliograph.engines.ray.asking import Ask
from heliograph.engines.ray.async_lane import AsyncLane
from heliograph.engines.ray.batching import Durations
from heliograph.engines.ray.channel import ChannelServer
from heliograph.engines.ray.losses import lost
from heliograph.engines.ray.order import Address, Order, WorkerReport, bare, unpack_question, unpack_receipts
from heliograph.engines.ray.placing import Placing
from heliograph.engines.ray.queues import Entry, Flight, Queues
from heliograph.records.report import Line, Report

_TALK_SECONDS: Final = 1.0  # then Ray is asked for a CPU again, and others have their chance
_LINGER_SECONDS: Final = 0.03  # a worker that asks waits so long for more, unless somebody needs its CPU
_GRACE_SECONDS: Final = 0.1  # a cancelled attempt that is not known to run gets so long to end by itself


class RayExecutor:
    """Runs attempts as tasks of Ray.

    Args:
        deliver: takes the receipts.
        sender: the coordinator whose executor it is.
    """

    most = sys.maxsize  # which of them Ray has room for, their resources decide

    def __init__(self, deliver: Deliver, sender: Address) -> None:
        self._deliver = deliver
        self._channels = ChannelServer(self.more, sender.life, self._has_one)
        self._sender = replace(sender, channel=self._channels.place)
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._entries: dict[AttemptKey, Entry] = {}
        self._reported: set[AttemptKey] = set()  # that were seen to run
        self._durations = Durations()
        self._queues = Queues(self._durations)
        self._placing = Placing()
        self._async = AsyncLane(deliver, sender)
        self._cpus = 1.0
        self._look_at = 0.0
        self._is_closed = False
        self._thread = threading.Thread(target=self._send_all, name="heliograph-sender", daemon=True)
        self._thread.start()

    # -- what the loop calls

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        if work.function.is_async:
            self._async.submit(work)
            return
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the executor is closed")
            entry = self._queues.entry(work)
            is_only = not self._entries
            self._entries[work.key] = entry
            if entry.group.idle and not entry.needs_objects:
                self._answer(entry.group.idle[0], [entry])
                return
            if not is_only:
                self._enqueue(entry)
                return
            flight = self._flight([entry])
        self._send(flight)  # a chain does not wait for another thread

    def cancel(self, *keys: AttemptKey) -> None:
        """See `Executor.cancel`: the worker that has an attempt is killed."""
        for key in keys:
            self._cancel(key)

    def _cancel(self, key: AttemptKey) -> None:
        with self._lock:
            entry = self._entries.pop(key, None)
            flight = None if entry is None else entry.flight
        if entry is None:
            self._async.cancel(key)
        elif flight is not None and entry.running is not None:
            self._kill(flight)
        elif flight is not None:  # most likely it ends before a kill and another worker's start would be over
            timer = threading.Timer(_GRACE_SECONDS, self._kill_if_it_has, (flight, key))
            timer.daemon = True
            timer.start()

    def running(self, of: Collection[AttemptKey]) -> Iterable[Running]:
        """See `Executor.running`: those that their workers reported."""
        with self._lock:
            self._reported = {key for key in self._reported if key in self._entries}  # few, of many
            entries = [self._entries[key] for key in self._reported if key in of]
        return [entry.running for entry in entries if entry.running] + self._async.running(of)

    def close(self) -> None:
        """Stop everything."""
        with self._lock:
            flights = {id(entry.flight): entry.flight for entry in self._entries.values() if entry.flight}
            self._entries.clear()
            self._is_closed = True
            self._dismiss_all()
            self._news.notify()
        for flight in flights.values():
            self._kill(flight)
        self._channels.close()
        self._async.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- what workers report

    def said(self, key: AttemptKey, report: Report) -> None:
        """An attempt said something."""
        self._deliver(Said(key, report))

    def note(self, report: WorkerReport) -> None:
        """A worker has had attempts for a while."""
        wanted = []
        with self._lock:
            for key, started in report.started:
                entry = self._entries.get(key)
                if entry is None:
                    self._async.note_running(report.worker, key, started)
                elif entry.flight is not None and entry.submitted == report.submitted:
                    entry.running = Running(key, report.worker, report.submitted, started)
                    self._reported.add(key)
                    entry.flight.is_quick = False
                    self._queues.stops_waiting(entry.flight)
            for key in report.given_back:
                entry = self._entries.get(key)
                if entry is not None and entry.flight is not None and entry.submitted == report.submitted:
                    del entry.flight.entries[key]
                    self._enqueue(entry)
            for receipt in report.receipts:
                entry = self._entries.get(receipt.key)
                if entry is not None and entry.submitted == report.submitted:
                    del self._entries[receipt.key]
                    wanted.append(receipt)
            self._news.notify()
        for receipt in wanted:
            self._deliver(receipt)

    def more(self, question: bytes) -> bytes:
        """A worker is done, and asks for more.

        Args:
            question: see `order.pack_question`.

        Returns:
            The next order, packed; empty: there is nothing for it, and its task of Ray ends.
        """
        number, brought = unpack_question(question)
        with self._lock:
            flight = self._queues.talking.get(number)
            if flight is None or self._is_closed:
                return b""
            ask = flight.ask = Ask()
            wanted = self._take_in(flight, brought, None)
            self._queues.stops_waiting(flight)
            flight.is_quick = True
            flight.group.idle.append(flight)  # before the news: they may bring more
        for receipt in wanted:
            self._deliver(receipt)
        with self._lock:
            if not ask.is_answered:
                self._look_for_more(flight)
            if ask.is_answered:
                return ask.answer
            answered = ask.waiting()
        if not answered.wait(_LINGER_SECONDS):
            with self._lock:
                if not ask.is_answered:
                    self._dismiss(flight)
        return ask.answer

    # -- the sender's thread

    def _send_all(self) -> None:
        while True:
            with self._lock:
                ready = self._take()
                if not ready and not self._is_closed:
                    self._news.wait(placing.LOOK_SECONDS)
                    ready = self._take()
                if self._is_closed:
                    return
            for flight in ready:
                self._send(flight)
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + placing.LOOK_SECONDS
                self._look_at_nodes()

    def _look_at_nodes(self) -> None:
        """See which nodes there are: they come and go. While no task waits for one, Ray is not asked."""
        with self._lock:
            waiting = self._queues.waiting()
        if waiting:
            self._cpus = self._placing.cpus
        for flight in waiting:
            self._say_why_it_waits(flight)

    def _take(self) -> list[Flight]:
        """The next tasks of Ray. Called under the lock."""
        return [self._flight(entries) for entries in self._queues.ready(self._cpus, self._still_waits)]

    def _send(self, flight: Flight) -> None:
        with self._lock:
            entries = [entry for entry in flight.entries.values() if self._still_waits(entry)]
            if not entries:  # cancelled meanwhile
                self._queues.stops_waiting(flight)
                self._dismiss(flight)
                return
            flight.entries = {entry.work.key: entry for entry in entries}
        first = entries[0]
        given: list[int] = []
        objects: list[Any] = []
        referred: dict[int, Any] = {}
        if first.needs_objects:
            references = first.work.options.references
            for place, handle in first.work.handles.items():
                if place in references:
                    referred[place] = handle
                else:
                    given.append(place)
                    objects.append(handle)
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        with self._lock:
            order = self._order(flight, entries, tuple(given))
            self._dismiss_all()  # they have CPUs that this may need
        try:
            function = _remote(flight.group.options, f"{first.work.task_id}{more}")
            flight.receipts, flight.output = function.remote(order.packed(), referred, *objects)
            future = flight.receipts.future()
        except Exception as error:  # an option that Ray refuses only now, or no cluster any more
            self._landed(flight, None, error)
            return
        future.add_done_callback(functools.partial(self._done, flight))
        if flight.is_killed:  # while it was on its way
            self._kill(flight)
        if not placing.is_modest(flight.group.options):
            self._say_why_it_waits(flight)

    def _say_why_it_waits(self, flight: Flight) -> None:
        """If no node can have it, its attempts say so."""
        was_lacking, flight.lacks = flight.lacks, self._placing.refusal(flight.group.options)
        if flight.lacks is None or flight.lacks == was_lacking:
            return
        with self._lock:
            keys = [entry.work.key for entry in flight.entries.values() if self._is_in(entry, flight)]
        for key in keys:
            self._deliver(Said(key, Report(said=(Line(flight.lacks, time.time()),))))

    # -- what comes back, in a thread of Ray's

    def _done(self, flight: Flight, future: Any) -> None:
        error = future.exception()
        self._landed(flight, None if error is not None else future.result(), error)

    def _landed(self, flight: Flight, data: bytes | None, error: BaseException | None) -> None:
        receipts = [] if data is None else unpack_receipts(data)
        output, flight.output, flight.receipts = flight.output, None, None
        with self._lock:
            self._queues.stops_waiting(flight)
            self._dismiss(flight)
            wanted = self._take_in(flight, receipts, output)
            left = [entry for entry in flight.entries.values() if self._is_in(entry, flight)]
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

    def _goes_again(self, flight: Flight, left: Sequence[Entry], error: BaseException | None) -> bool:
        """Whether attempts without a receipt go again, uncounted. Called under the lock."""
        if self._is_closed or not left:
            return False
        input_is_lost = isinstance(_root(error), ObjectLostError) and not left[0].from_storage
        if not (error is None or flight.is_killed or input_is_lost or len(left) > 1):
            return False
        for entry in left:
            entry.alone = entry.alone or error is not None
            entry.from_storage = entry.from_storage or input_is_lost
            self._enqueue(entry)
        return True

    # -- what they have in common; all but the killing is called under the lock

    def _enqueue(self, entry: Entry) -> None:
        """Have an attempt wait for its turn."""
        self._queues.put(entry)
        self._news.notify()

    def _flight(self, entries: list[Entry]) -> Flight:
        return self._queues.flight(entries, _TALK_SECONDS, time.monotonic())

    def _order(self, flight: Flight, entries: Sequence[Entry], given: tuple[int, ...] = ()) -> Order:
        """The attempts, from now on in this flight, as its worker gets them."""
        now = time.time()
        for entry in entries:
            entry.flight, entry.submitted = flight, now
        works = tuple([bare(entry.work) for entry in entries])
        asks = flight.number if flight.number in self._queues.talking else None
        is_timed = any(work.options.timeout is not None for work in works)
        return Order(self._sender, now, works, given, asks, self._has_one(), is_timed)

    def _has_one(self) -> bool:
        return len(self._entries) == 1

    def _take_in(self, flight: Flight, receipts: Iterable[Receipt], output: Any) -> list[Receipt]:
        """The receipts that somebody waits for."""
        wanted: list[Receipt] = []
        for receipt in receipts:
            entry = flight.entries.pop(receipt.key, None)
            if entry is None:
                continue
            self._durations.learn(entry.work, receipt)
            if self._is_in(entry, flight):
                del self._entries[receipt.key]
                wanted.append(_with_handle(receipt, output))
        return wanted

    def _is_in(self, entry: Entry, flight: Flight) -> bool:
        return self._entries.get(entry.work.key) is entry and entry.flight is flight

    def _still_waits(self, entry: Entry) -> bool:
        return self._entries.get(entry.work.key) is entry and entry.flight is None

    def _look_for_more(self, flight: Flight) -> None:
        """Answer a worker that asks, if it can be said already what it will have."""
        if time.monotonic() > flight.talks_until or self._queues.is_wanted_by_others(flight.group):
            self._dismiss(flight)
            return
        entries = self._queues.next_of(flight.group, self._cpus, self._still_waits, by_word=True)
        if entries:
            self._answer(flight, entries)
        elif flight.group.queue or flight.group.waiting:
            self._dismiss(flight)

    def _answer(self, flight: Flight, entries: Sequence[Entry]) -> None:
        """Give a worker that asks these."""
        assert flight.ask is not None
        flight.group.idle.remove(flight)
        flight.entries.update({entry.work.key: entry for entry in entries})
        flight.ask.give(self._order(flight, entries).packed())

    def _dismiss(self, flight: Flight) -> None:
        """The flight has no more to do; its worker is told so if it asks."""
        self._queues.talking.pop(flight.number, None)
        if flight in flight.group.idle:
            flight.group.idle.remove(flight)
        if flight.ask is not None and not flight.ask.is_answered:
            flight.ask.give(b"")

    def _dismiss_all(self) -> None:
        for flight in self._queues.idle():
            self._dismiss(flight)

    def _kill_if_it_has(self, flight: Flight, key: AttemptKey) -> None:
        if key in flight.entries:
            self._kill(flight)

    def _kill(self, flight: Flight) -> None:
        """Have the worker killed."""
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
