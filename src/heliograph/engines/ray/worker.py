"""A worker of Ray's: runs the attempts of one order, one after the other.

Starts are told only of attempts that run for a while: a thread that mostly sleeps sees to that, so that short
ones pay nothing for it. Those that have a timeout are told of at once: one that never lets go of the
interpreter would keep that thread from it, and run for ever. When one of several runs long, those behind it
are given back at the same time, and the receipts of those before it come along.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import ray

from heliograph.engines import place
from heliograph.engines.attempts.attempt import Functions, Traffic, run_attempt
from heliograph.engines.attempts.executor import AttemptKey, Receipt, Work
from heliograph.engines.embedded.worker import flush_streams
from heliograph.engines.ray import convert, internals
from heliograph.engines.ray.channel import Channel
from heliograph.engines.ray.order import (
    NAMESPACE,
    Address,
    Order,
    WorkerReport,
    pack_question,
    pack_receipts,
    unpack_order,
)
from heliograph.engines.ray.sayings import Sayings
from heliograph.engines.ray.sigterm import die_of_sigterm
from heliograph.records.attempt import Pickled, RayFacts, StoredValue, Worker
from heliograph.storage.location import VARIABLE, locate

SENDER: Final = "HELIOGRAPH_COORDINATOR"
"""In the environment of a worker: whose attempt it runs."""
REPORT_SECONDS: Final = 0.03
"""An attempt that runs for so long is reported as running."""


def run(data: bytes, referred: dict[int, Any], *objects: Any) -> tuple[bytes, Any]:
    """Run the attempts of an order, and of those that the coordinator has for this worker afterwards.

    Args:
        data: the order, packed.
        referred: references to inputs of the only attempt, by place.
        *objects: inputs of the only attempt.

    Returns:
        The receipts that the coordinator does not have yet, packed; and the output of the only attempt, if it
        is large.
    """
    order = unpack_order(data)
    here = _here(order.sender)
    worker = here.worker_now()
    traffic = ObjectTraffic(dict(zip(order.given, objects, strict=True)), referred)
    del objects, referred
    shown = order.works[0].key if len(order.works) == 1 else None  # Ray has named it already
    while True:
        receipts = pack_receipts(_ran(here, order, worker, traffic, shown))
        if order.asks is None or traffic.left is not None or (channel := here.channel()) is None:
            return receipts, traffic.left
        try:
            answer = channel.ask(pack_question(order.asks, receipts), order.is_alone)
        except Exception:  # the coordinator is gone; or a task left a signal's handler, which raised
            return receipts, None
        if not answer:
            return pack_receipts([]), None
        order, traffic = unpack_order(answer), ObjectTraffic({}, {})


def _ran(
    here: _Here, order: Order, worker: Worker, traffic: ObjectTraffic, shown: AttemptKey | None
) -> list[Receipt]:
    receipts: list[Receipt] = []
    for work in here.watch.in_turn(order, worker, receipts):
        if work.key != shown:
            internals.print_as(work.task_id)
        sayings = Sayings(order.sender, work.key)
        here.is_running = True
        receipt = run_attempt(
            work, worker, order.submitted, "exclusive", here.functions, sayings.send, traffic
        )
        here.is_running = False
        if os.getpid() != here.pid:
            os._exit(0)  # a task forked, and the child came back here
        sayings.settle()
        receipts.append(_with_size(receipt, traffic))
    here.watch.rest()
    flush_streams()
    if len(order.works) > 1:
        traffic.left = None  # only what is alone can be passed on
    return receipts


class ObjectTraffic(Traffic):
    """Inputs and outputs that travel as objects of Ray's.

    Args:
        objects: inputs that came with the order, by place.
        referred: references to inputs, by place.

    Attributes:
        left: the output, if it is large: it is in the value store already, and others may take it from here.
    """

    def __init__(self, objects: dict[int, Any], referred: dict[int, Any]) -> None:
        self._objects = objects
        self._referred = referred
        self.left: Any = None

    def input(self, place: int, value: Pickled, work: Work) -> Any:
        """See `Traffic.input`."""
        if place in self._objects:
            return self._objects[place]
        if place in self._referred:
            return ray.get(self._referred[place])
        return super().input(place, value, work)

    def reference(self, place: int, output: Any) -> Any:
        """See `Traffic.reference`."""
        if place not in self._referred:
            self._referred[place] = ray.put(output(place))
        return self._referred[place]

    def leave(self, output: Any, value: StoredValue) -> None:
        """See `Traffic.leave`."""
        self.left = None if value.location is None else output


class _Here:
    """This process, as one coordinator's worker.

    Args:
        sender: whose attempts it runs.

    Attributes:
        is_running: whether an attempt runs.
    """

    def __init__(self, sender: Address) -> None:
        self.is_running = False
        die_of_sigterm(lambda: self.is_running)
        self.pid = os.getpid()
        self.functions = Functions()
        self.watch = _Watch()
        self._worker = begin_to_work_for(sender)
        self._sender = sender
        self._place = sender.channel
        self._channel: Channel | None = None

    def channel(self) -> Channel | None:
        """The channel to the coordinator; None: it can't be reached so."""
        if self._channel is not None and not self._channel.is_closed:
            return self._channel
        if self._place is not None:
            try:
                self._channel = Channel(self._place, self._sender.life)
            except OSError:
                self._place = self._channel = None
        return self._channel

    def worker_now(self) -> Worker:
        """Who runs the task of Ray that runs now."""
        context = ray.get_runtime_context()
        facts = RayFacts(
            context.get_task_id() or "", context.get_job_id(), dict(context.get_assigned_resources())
        )
        return replace(self._worker, ray=facts)


def begin_to_work_for(sender: Address) -> Worker:
    """Make this process a worker of a coordinator; who it is."""
    convert.install()
    place.enter(locate(sender.storage), engine="ray")
    # For programs that a task starts, and for the sessions that it opens.
    os.environ[VARIABLE] = sender.storage
    os.environ[SENDER] = sender.name
    context = ray.get_runtime_context()
    return Worker(os.uname().nodename, os.getpid(), context.get_worker_id(), context.get_node_id())


@functools.lru_cache(maxsize=1)
def _here(sender: Address) -> _Here:
    return _Here(sender)


def _with_size(receipt: Receipt, traffic: ObjectTraffic) -> Receipt:
    output, facts = receipt.output, receipt.worker.ray
    if traffic.left is None or output is None or facts is None:
        return receipt
    held = replace(facts, object_store_bytes=output.size)
    return receipt._replace(worker=replace(receipt.worker, ray=held))


class _Watch:
    """Reports attempts that run for a while, from a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Work] = deque()
        self._running: tuple[AttemptKey, float] | None = None
        self._order: Order | None = None
        self._worker: Worker | None = None
        self._receipts: list[Receipt] = []
        self._is_busy = threading.Event()
        threading.Thread(target=self._look_on, name="heliograph-watch", daemon=True).start()

    def in_turn(self, order: Order, worker: Worker, receipts: list[Receipt]) -> Iterator[Work]:
        """The attempts, each when the one before it is over, but for those that were given back.

        Args:
            order: has them.
            worker: who runs them.
            receipts: of those that are over; more are added meanwhile.
        """
        with self._lock:
            self._order, self._worker, self._receipts = order, worker, receipts
            self._waiting = deque(order.works)
        while True:
            with self._lock:
                if not self._waiting:
                    return
                work = self._waiting.popleft()
                begun = self._running = (work.key, time.time())
            if order.is_timed:  # it may keep the interpreter from the thread that looks on
                self._tell(order.sender, WorkerReport(worker, order.submitted, (begun,)))
            self._is_busy.set()
            yield work

    def rest(self) -> None:
        """No attempt runs."""
        with self._lock:
            self._running = None
            self._is_busy.clear()

    def _look_on(self) -> None:
        while True:
            self._is_busy.wait()
            seen = self._running
            time.sleep(REPORT_SECONDS)
            with self._lock:
                if seen is None or self._running is not seen:
                    continue
                self._is_busy.clear()  # it is told once
                given_back = [work.key for work in self._waiting]
                self._waiting.clear()
                order, worker, receipts = self._order, self._worker, list(self._receipts)
            assert order is not None
            assert worker is not None
            self._tell(
                order.sender,
                WorkerReport(worker, order.submitted, (seen,), tuple(given_back), tuple(receipts)),
            )

    def _tell(self, sender: Address, report: WorkerReport) -> None:
        try:
            coordinator = ray.get_actor(sender.name, NAMESPACE)
            coordinator.ask.remote("running", sender.life, report)
        except Exception:  # it is gone, and nobody waits for this
            return
