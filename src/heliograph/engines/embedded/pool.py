"""The thread that owns the worker processes: takes orders and answers, and replaces those that died.

All state is this thread's own; other threads only put commands into its box. So nothing here needs a lock,
and nobody who calls the executor ever waits for a worker.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Collection
from functools import partial
from typing import Final

from heliograph.engines.attempts.executor import (
    GRACE_SECONDS,
    AttemptKey,
    Deliver,
    Running,
    Said,
    Work,
)
from heliograph.engines.embedded.async_lane import AsyncLane
from heliograph.engines.embedded.deaths import died, ended, never_ran
from heliograph.engines.embedded.handle import START_FAILURES, Attempt, WorkerHandle
from heliograph.engines.embedded.lines import Lines
from heliograph.engines.embedded.protocol import GOES_ON, READY, WAITS, unpack_answer, unpack_report
from heliograph.engines.embedded.wire import watch
from heliograph.host.lookout import Lookout

CLOSE_SECONDS: Final = 0.5
"""How long workers get to end by themselves when the pool is closed."""
_START_PAUSE_SECONDS: Final = 5.0


class Pool:
    """The workers and what they have to do. The workers are started at once, but for the async one.

    Args:
        deliver: takes the receipts.
        count: how many workers there are to be.
        storage: what they are told as theirs; None: what this process was told.
    """

    def __init__(self, deliver: Deliver, count: int, storage: str | None) -> None:
        self._deliver = deliver
        self._count = count
        self._storage = storage
        self._box: deque[Attempt | AttemptKey] = deque()  # to run, and to cancel
        self._is_asleep = False
        self._is_closing = False
        self._crash: BaseException | None = None
        self._wake_lock = threading.Lock()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._on_wake)

        self._attempts: dict[AttemptKey, Attempt] = {}
        self._handles: dict[WorkerHandle, None] = {}
        self._waiting: dict[WorkerHandle, float] = {}  # for what others run, since when, monotonic seconds
        self._leaving = 0  # of the handles: told to end, and not gone yet
        self._lookout = Lookout()
        self._lines = Lines(lambda handle: watch(self._selector, handle.wire))
        self._async = AsyncLane(deliver, self._selector, storage)
        self._made = 0
        self._has_begun = False
        self._start_failures = 0
        self._start_after = 0.0
        self._start_error = ""
        self._thread = threading.Thread(target=self._run, name="heliograph-workers", daemon=True)
        self._thread.start()

    # From any thread.

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        if self._is_closing or self._crash is not None:
            raise RuntimeError("the worker processes are stopped") from self._crash
        self._put(Attempt(work, time.time()))

    def cancel(self, *keys: AttemptKey) -> None:
        """See `Executor.cancel`."""
        for key in keys:
            self._put(key)

    def running(self, of: Collection[AttemptKey]) -> list[Running]:
        """See `Executor.running`; as it was a moment ago."""
        heads = []
        for handle in list(self._handles):
            try:
                head = handle.line[0]
            except IndexError:  # idle, or became so just now
                continue
            if head.work.key in of:
                heads.append(Running(head.work.key, handle.worker, head.submitted, head.started))
        return heads + self._async.running(of)

    def close(self) -> None:
        """Stop all workers, wait for their end, and reap them."""
        self._is_closing = True
        self._wake()
        self._thread.join()
        with self._wake_lock:
            if self._wake_out >= 0:
                os.close(self._wake_in)
                os.close(self._wake_out)
            self._wake_out = -1

    def _put(self, item: Attempt | AttemptKey) -> None:
        self._box.append(item)
        if self._is_asleep:
            self._is_asleep = False
            self._wake()

    def _wake(self) -> None:
        with self._wake_lock, contextlib.suppress(BlockingIOError):  # it has been woken often enough
            if self._wake_out >= 0:
                os.write(self._wake_out, b".")

    # From here on: the pool's thread only.

    def _run(self) -> None:
        try:
            self._start_workers()
            while not self._is_closing:
                self._turn()
        except BaseException as error:  # a fault of heliograph's own: no attempt may wait for ever
            self._crash = error
            self._open_box()
            reason = f"the pool of worker processes failed: {type(error).__name__}: {error}"
            self._fail_all(reason)
            self._async.fail_all(reason)
        finally:
            self._shut_down()

    def _turn(self) -> None:
        # What is put into the box before this line is seen below; what comes later comes with a push.
        self._is_asleep = True
        if self._box or self._is_closing:
            self._is_asleep = False
        ready = self._wait()
        self._is_asleep = False
        for key, mask in ready:
            key.data(mask)
        self._open_box()
        self._async.see_to_overdue()
        self._start_workers()
        self._lines.feed(self._has_only_one)

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        select = self._selector.select
        if not self._is_asleep:
            return select(0)
        patience = self._async.patience()
        if self._waiting:
            patience = GRACE_SECONDS if patience is None else min(patience, GRACE_SECONDS)
        if not self._has_only_one:  # several workers are at work: they need the processors
            return select(patience)
        found: list[tuple[selectors.SelectorKey, int]] = self._lookout.wait(select, patience)
        return found

    @property
    def _has_only_one(self) -> bool:
        return len(self._attempts) == 1

    def _on_wake(self, _mask: int) -> None:
        os.read(self._wake_in, 4096)

    def _open_box(self) -> None:
        while self._box:
            item = self._box.popleft()
            if not isinstance(item, Attempt):
                if not self._async.cancel(item):
                    self._cancel(item)
            elif item.work.function.is_async:
                self._async.put(item)
            else:
                self._attempts[item.work.key] = item
                self._lines.put(item)

    def _cancel(self, key: AttemptKey) -> None:
        attempt = self._attempts.pop(key, None)
        if attempt is None:
            return
        attempt.is_cancelled = True
        handle = attempt.handle
        if handle is None:
            return
        place = handle.line.index(attempt)
        self._lines.take_back(handle)
        if attempt.handle is None or len(handle.line) > place + 1:
            return  # not begun; or ended, since one behind it was begun
        handle.signal(signal.SIGKILL)

    # Taking in.

    def _on_wire(self, handle: WorkerHandle, mask: int) -> None:
        if handle not in self._handles:
            return
        if mask & selectors.EVENT_WRITE:
            handle.wire.flush()
            watch(self._selector, handle.wire)
            self._lines.place(handle)
        if mask & selectors.EVENT_READ and not self._hear(handle):
            self._bury(handle)

    def _hear(self, handle: WorkerHandle, to_the_end: bool = False) -> bool:
        """Take in what a worker says; whether it can say more."""
        messages, is_open = handle.wire.receive(to_the_end)
        for message in messages:
            if handle.is_ready:
                try:
                    self._answered(handle, message)
                except (pickle.UnpicklingError, ValueError, TypeError, IndexError, EOFError):
                    handle.wire.spoil()  # a task wrote into it
                    return False
            elif message == READY:
                handle.is_ready = self._has_begun = True
                self._start_failures = 0
        if messages:
            self._lines.place(handle)
        return is_open

    def _answered(self, handle: WorkerHandle, message: bytes) -> None:
        if message == WAITS:
            self._waiting[handle] = time.monotonic()
            return
        if message == GOES_ON:
            self._waiting.pop(handle, None)
            return
        report = unpack_report(message)
        if report is not None:
            key = handle.key_of(report[0])
            if not handle.line[0].is_cancelled:
                self._deliver(Said(key, report[1]))
            return
        answer = unpack_answer(message, handle.key_of, handle.worker)
        attempt = self._lines.answered(handle, answer.seconds)
        if not attempt.is_cancelled:
            self._attempts.pop(attempt.work.key, None)
            self._deliver(answer.receipt)
        if not handle.line and len(self._handles) > self._count + len(self._waiting) + self._leaving:
            self._leaving += 1
            handle.leave()  # others that waited went on

    # Workers that come and go.

    def _start_workers(self) -> None:
        """Bring the pool to its full number, unless starting keeps failing.

        The others wait until the first is ready: with few processors they would only hold it up, and
        somebody may wait for a first result.
        """
        while len(self._handles) < self._wanted:
            if self._start_failures >= START_FAILURES:
                if not self._handles:
                    self._fail_all(f"worker processes can't be started: {self._start_error}")
                    self._start_failures = 0
                    return
                if time.monotonic() < self._start_after:
                    return
            self._start_worker()

    @property
    def _wanted(self) -> int:
        """How many workers there are to be: beside those that only wait, where attempts wait for one."""
        if not self._has_begun:
            return 1
        if not self._waiting or self._lines.is_empty:
            return self._count
        long_ago = time.monotonic() - GRACE_SECONDS
        return self._count + sum(since < long_ago for since in self._waiting.values())

    def _start_worker(self) -> None:
        self._made += 1
        try:
            handle = WorkerHandle(f"process-{self._made}", self._storage)
        except (OSError, ValueError) as error:  # no such interpreter, no more processes or files
            self._failed_to_start(f"{sys.executable}: {error}")
            return
        self._handles[handle] = None
        self._selector.register(handle.wire, selectors.EVENT_READ, partial(self._on_wire, handle))
        watch(self._selector, handle.wire)
        if handle.death is not None:
            self._selector.register(handle.death, selectors.EVENT_READ, partial(self._on_death, handle))

    def _failed_to_start(self, error: str) -> None:
        self._start_failures += 1
        self._start_after = time.monotonic() + _START_PAUSE_SECONDS
        self._start_error = error

    def _on_death(self, handle: WorkerHandle, _mask: int) -> None:
        if handle in self._handles:
            self._bury(handle)

    def _bury(self, handle: WorkerHandle) -> None:
        """A worker is dead, or can't be heard any more: settle what it had."""
        self._hear(handle, to_the_end=True)
        del self._handles[handle]
        self._leaving -= handle.is_leaving
        self._waiting.pop(handle, None)
        self._lines.remove(handle)
        self._selector.unregister(handle.wire)
        if handle.death is not None:
            self._selector.unregister(handle.death)
        code = handle.reap(CLOSE_SECONDS)
        if not handle.is_ready:
            self._failed_to_start(f"{sys.executable} {ended(code)} before it was ready; see what it printed")
        for attempt in handle.line:
            if not attempt.is_cancelled:
                self._attempts.pop(attempt.work.key, None)
                self._deliver(died(attempt, handle.worker, code, handle.peak))

    def _fail_all(self, reason: str) -> None:
        failed = list(self._attempts.values())
        self._attempts.clear()
        self._lines.clear()
        for attempt in failed:
            attempt.is_cancelled = True
            self._deliver(never_ran(attempt, reason))

    def _shut_down(self) -> None:
        end = time.monotonic() + CLOSE_SECONDS
        self._async.hang_up()
        for handle in self._handles:
            if handle.is_ready and not handle.line:
                handle.wire.hang_up()
            else:
                handle.signal(signal.SIGTERM)
        for handle in self._handles:
            handle.reap(max(0.0, end - time.monotonic()))
        self._handles.clear()
        self._async.reap(max(0.0, end - time.monotonic()))
        self._selector.close()
