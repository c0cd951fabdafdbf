"""Attempts of ``async def`` functions: any number of them wait in one worker, an async actor."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

import ray

from heliograph.engines.attempts.attempt import Functions, run_attempt_async
from heliograph.engines.attempts.executor import GRACE_SECONDS, AttemptKey, Deliver, Running, Work, those_of
from heliograph.engines.ray.losses import lost
from heliograph.engines.ray.order import (
    NAMESPACE,
    Address,
    Order,
    WorkerReport,
    bare,
    pack_receipts,
    unpack_order,
    unpack_receipts,
)
from heliograph.engines.ray.sayings import Sayings
from heliograph.engines.ray.worker import REPORT_SECONDS, begin_to_work_for
from heliograph.records.attempt import RayFacts, Worker

MOST: Final = 100_000
"""Attempts that wait at once, at most."""


class AsyncWorker:
    """An actor with an event loop.

    Args:
        sender: whose attempts it runs.
    """

    def __init__(self, sender: Address) -> None:
        context = ray.get_runtime_context()
        facts = RayFacts("", context.get_job_id(), dict(context.get_assigned_resources()))
        self._sender = sender
        self._worker = replace(begin_to_work_for(sender), ray=facts)
        self._functions = Functions()
        self._tasks: dict[int, asyncio.Task[Any]] = {}
        self._cancelled: set[int] = set()
        self._begun: dict[int, tuple[AttemptKey, float]] = {}
        self._report_is_due = False

    async def run(self, number: int, data: bytes) -> bytes | None:
        """Run an attempt; its receipt, or None if it was cancelled."""
        if number in self._cancelled:  # before it came: Ray gives what is large later than what is small
            self._cancelled.discard(number)
            return None
        order = unpack_order(data)
        (work,) = order.works
        self._begun[number] = (work.key, time.time())
        if order.is_timed:
            self._report()  # at once: it may keep the event loop to itself
        elif not self._report_is_due:
            self._report_is_due = True
            asyncio.get_running_loop().call_later(REPORT_SECONDS, self._report)
        sayings = Sayings(self._sender, work.key)
        task = self._tasks[number] = asyncio.create_task(
            run_attempt_async(
                work,
                self._worker,
                order.submitted,
                self._functions,
                lambda: number not in self._cancelled,
                sayings.send,
            )
        )
        try:
            await asyncio.wait([task])
            receipt = None if task.cancelled() else task.result()
            if sayings.sent:
                await asyncio.gather(*sayings.sent)
            return None if receipt is None else pack_receipts([receipt])
        finally:
            del self._tasks[number]
            self._begun.pop(number, None)
            self._cancelled.discard(number)

    async def cancel(self, number: int) -> None:
        """Have an attempt end, or never begin."""
        self._cancelled.add(number)
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    async def has_ended(self, number: int) -> bool:
        """Whether an attempt that was cancelled goes on no more."""
        return number not in self._tasks

    def _report(self) -> None:
        self._report_is_due = False
        begun, self._begun = self._begun, {}
        if begun:
            coordinator = ray.get_actor(self._sender.name, NAMESPACE)
            report = WorkerReport(self._worker, 0.0, tuple(begun.values()))
            coordinator.ask.remote("running", self._sender.life, report)


@dataclass(slots=True, eq=False)
class _Entry:
    number: int
    work: Work
    submitted: float
    actor: Any = None
    running: Running | None = None


class AsyncLane:
    """The attempts that the async worker has; it is started by the first.

    Args:
        deliver: takes the receipts.
        sender: the coordinator.
    """

    def __init__(self, deliver: Deliver, sender: Address) -> None:
        self._deliver = deliver
        self._sender = sender
        self._lock = threading.RLock()
        self._entries: dict[AttemptKey, _Entry] = {}
        self._made = 0
        self._actor: Any = None

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        with self._lock:
            self._made += 1
            entry = self._entries[work.key] = _Entry(self._made, work, time.time())
            self._send(entry)

    def cancel(self, key: AttemptKey) -> None:
        """See `Executor.cancel`."""
        with self._lock:
            entry, actor = self._entries.pop(key, None), self._actor
        if entry is None or actor is None:
            return
        actor.cancel.remote(entry.number).future().add_done_callback(lambda _done: None)
        timer = threading.Timer(2 * GRACE_SECONDS, self._see_to, (actor, entry.number))
        timer.daemon = True
        timer.start()

    def running(self, of: Collection[AttemptKey]) -> list[Running]:
        """See `Executor.running`."""
        with self._lock:
            return [entry.running for entry in those_of(self._entries, of) if entry.running is not None]

    def note_running(self, reporter: Worker, key: AttemptKey, started: float) -> None:
        """The worker has had an attempt for a while."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.running = Running(key, reporter, entry.submitted, started)

    def close(self) -> None:
        """Stop everything."""
        with self._lock:
            self._entries.clear()
            actor, self._actor = self._actor, None
        if actor is not None:
            ray.kill(actor)

    def _send(self, entry: _Entry) -> None:
        """Called under the lock."""
        if self._actor is None:
            made = ray.remote(num_cpus=0, max_restarts=0, max_concurrency=MOST)(AsyncWorker)
            self._actor = made.remote(self._sender)
        entry.actor = self._actor
        is_timed = entry.work.options.timeout is not None
        order = Order(self._sender, entry.submitted, (bare(entry.work),), is_timed=is_timed)
        reply = self._actor.run.remote(entry.number, order.packed())
        reply.future().add_done_callback(functools.partial(self._done, self._actor, entry))

    def _see_to(self, actor: Any, number: int) -> None:
        """An attempt was cancelled a while ago: if it goes on, nothing but the worker's end stops it."""
        try:
            has_ended = ray.get(actor.has_ended.remote(number), timeout=GRACE_SECONDS)
        except Exception:  # it does not answer, or is gone
            has_ended = False
        if has_ended:
            return
        with self._lock:
            if self._actor is not actor:
                return
            self._actor = None
            ray.kill(actor)
            for entry in list(self._entries.values()):
                entry.running = None
                self._send(entry)  # uncounted: it was not they who would not stop

    def _done(self, actor: Any, entry: _Entry, future: Any) -> None:
        error = future.exception()
        data = None if error is not None else future.result()
        with self._lock:
            if self._entries.get(entry.work.key) is not entry or entry.actor is not actor:
                return  # cancelled, or sent to the next worker
            del self._entries[entry.work.key]
            if error is not None and self._actor is actor:
                self._actor = None
        if data is not None:
            (receipt,) = unpack_receipts(data)
            self._deliver(receipt)
        elif error is not None:
            self._deliver(lost(entry.work, entry.submitted, entry.running, error))
