"""Worker threads of this process: for light tasks, and for those that mostly wait."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from heliograph.engines.attempts.attempt import Functions, run_attempt
from heliograph.engines.attempts.executor import AttemptKey, Deliver, Running, Said, Work, most_for, those_of
from heliograph.engines.compensation import Slot, hold
from heliograph.engines.warning import warn
from heliograph.host.cpus import usable_cpus
from heliograph.records.attempt import Worker
from heliograph.records.report import Report

if TYPE_CHECKING:
    from heliograph.engines.embedded.coroutines import CoroutineThreads

CLOSE_SECONDS: Final = 1.0
"""How long `ThreadExecutor.close` waits for threads that have nothing to do, which is to say not at all."""


@dataclass(slots=True, eq=False)
class _Entry:
    """An attempt that is neither ended nor cancelled; once taken out of the executor, nobody delivers it."""

    work: Work
    submitted: float
    worker: Worker | None = None
    started: float = 0.0


class ThreadExecutor:
    """Runs attempts in daemon threads, started when they are needed; async ones in one more, all at once.

    A thread can't be stopped from outside. So the thread of a cancelled attempt is abandoned: it counts no
    more, another takes its place, and what it comes back with is dropped. Nor does one count whose task waits
    for a workflow; when it goes on there is one too many, until one of them is done with its attempt.

    A thread that delivers a receipt may be the loop for a moment, and submit what follows. The first of that
    it takes itself when it comes back: another one would have to be woken, and finds cold caches.

    Args:
        deliver: takes the receipts.
        count: how many attempts run at once; None: 4 more than `usable_cpus`, at most 32.
    """

    def __init__(self, deliver: Deliver, count: int | None = None) -> None:
        self._deliver = deliver
        self._count = count if count is not None else min(32, usable_cpus() + 4)
        self.most = most_for(self._count)
        self._line: deque[_Entry] = deque()
        self._lock = threading.Lock()
        self._asleep: list[threading.Lock] = []  # of threads that wait: each is held
        self._returning: set[int] = set()  # threads that will take the next entry, and deliver now
        self._entries: dict[AttemptKey, _Entry] = {}
        self._threads: set[threading.Thread] = set()
        self._waiting: set[threading.Thread] = set()  # those of them whose task waits for a workflow
        self._functions = Functions()
        self._coroutines: CoroutineThreads | None = None
        self._host = os.uname().nodename
        self._started = 0
        self._is_called = False  # a thread, which is on its way to the line
        self._is_closed = False

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the executor is closed")
            if work.function.is_async:
                self._started_coroutines().submit(work)
                return
            entry = _Entry(work, time.time())
            self._entries[work.key] = entry
            if work.goes_first:
                self._line.appendleft(entry)
            else:
                place = len(self._line)
                while place and self._line[place - 1].work.depth < work.depth:
                    place -= 1
                self._line.insert(place, entry)
            me = threading.get_ident()
            if me in self._returning:
                self._returning.discard(me)
            else:
                self._call_one()

    def cancel(self, *keys: AttemptKey) -> None:
        """See `Executor.cancel`."""
        abandoned: dict[str, Work] = {}
        with self._lock:
            for key in keys:
                entry = self._entries.pop(key, None)
                if entry is None and self._coroutines is not None:
                    self._coroutines.cancel(key)
                if entry is not None and entry.worker is not None:  # else who finds it passes over it
                    abandoned[entry.worker.worker_id] = entry.work
            if abandoned:
                self._threads = {thread for thread in self._threads if thread.name not in abandoned}
                self._waiting &= self._threads
                if self._line:
                    self._call_one()
        for work in abandoned.values():
            warn(
                f"task {work.task_id!r} of workflow {work.workflow_id!r} is to stop, but a "
                "thread can't be stopped: it is left to run to its end, and its output is dropped. Worker "
                "processes can be stopped."
            )

    def running(self, of: Collection[AttemptKey]) -> Iterable[Running]:
        """See `Executor.running`."""
        with self._lock:
            in_threads = [
                Running(entry.work.key, entry.worker, entry.submitted, entry.started)
                for entry in those_of(self._entries, of)
                if entry.worker is not None
            ]
        return in_threads if self._coroutines is None else in_threads + self._coroutines.running(of)

    def close(self) -> None:
        """Stop the idle threads; those that run a task are left behind, since they can't be stopped."""
        with self._lock:
            self._is_closed = True
            busy = {entry.worker.worker_id for entry in self._entries.values() if entry.worker is not None}
            idle = [thread for thread in self._threads if thread.name not in busy]
            while self._asleep:
                self._asleep.pop().release()
            self._threads = set()
            self._entries.clear()
        if self._coroutines is not None:
            self._coroutines.close()
        end = time.monotonic() + CLOSE_SECONDS
        for thread in idle:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def _started_coroutines(self) -> CoroutineThreads:
        if self._coroutines is None:
            from heliograph.engines.embedded.coroutines import CoroutineThreads  # late: asyncio is large

            self._coroutines = CoroutineThreads(self._deliver)
        return self._coroutines

    def _call_one(self) -> None:
        """See to it that somebody takes an entry out of the line. Called under the lock.

        One at a time: the one that comes calls the next, if there is more. Where what there is takes no time,
        the first is done with it before another one has come.
        """
        if self._is_called or self._at_work >= self._count:
            return
        if self._asleep:
            self._is_called = True
            self._asleep.pop().release()  # the one that was at work last finds the warmest caches
        else:
            self._start_if_short()

    def _start_if_short(self) -> None:
        """One more thread, unless there are as many as attempts. Called under the lock."""
        if len(self._threads) >= len(self._entries):
            return
        self._started += 1
        thread = threading.Thread(target=self._serve, name=f"heliograph-thread-{self._started}", daemon=True)
        self._threads.add(thread)
        self._is_called = True
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: those there are will do, if there are any
            self._threads.discard(thread)
            self._is_called = False
            if not self._at_work:
                raise

    @property
    def _at_work(self) -> int:
        """How many threads run an attempt, or are about to."""
        return len(self._threads) - len(self._waiting) - len(self._asleep)

    def _give_up_slot(self) -> None:
        me = threading.current_thread()
        with self._lock:
            if me in self._threads:  # else abandoned
                self._waiting.add(me)
                if self._line:
                    self._call_one()

    def _take_back_slot(self) -> None:
        with self._lock:
            self._waiting.discard(threading.current_thread())

    def _said(self, entry: _Entry, report: Report) -> None:
        if self._entries.get(entry.work.key) is entry:  # else nobody waits for it any more
            self._deliver(Said(entry.work.key, report))

    def _serve(self) -> None:
        thread, me = threading.current_thread(), threading.get_ident()
        worker = Worker(self._host, os.getpid(), thread.name)
        call = threading.Lock()
        call.acquire()
        slot = Slot(self._give_up_slot, self._take_back_slot)
        hold(slot)
        self._is_called = False
        while (entry := self._next(worker, call)) is not None:
            work, send = entry.work, partial(self._said, entry)
            slot.depth = work.depth + 1
            receipt = run_attempt(work, worker, entry.submitted, "shared", self._functions, send)
            if os.getpid() != worker.pid:
                os._exit(0)  # a task forked, and the child came back here
            with self._lock:
                is_wanted = self._entries.get(work.key) is entry
                if is_wanted:
                    del self._entries[work.key]
                    self._returning.add(me)
                elif thread not in self._threads:
                    return  # abandoned, and replaced
            if is_wanted:
                self._deliver(receipt)
                self._returning.discard(me)
            del entry, work, send, receipt  # not to hold the last task's memory while idle

    def _next(self, worker: Worker, call: threading.Lock) -> _Entry | None:
        """The next entry in the line, for this worker; waits for one. None: there will be none."""
        while True:
            with self._lock:
                if self._is_closed:
                    return None
                while self._line and self._at_work <= self._count:
                    entry = self._line.popleft()
                    if self._entries.get(entry.work.key) is entry:  # else cancelled while it was queued
                        entry.worker = worker
                        entry.started = time.time()
                        if self._line:
                            self._call_one()
                        return entry
                self._asleep.append(call)
            call.acquire()
            self._is_called = False  # it looks into the line now: what is put there meanwhile it will see
