"""Attempts of ``async def`` functions: any number of them wait on one event loop.

A coroutine that blocks holds up all others of its loop, and nothing here can stop it. The worker process it
does that in can be killed from outside; a thread can't, but what has not begun can go to that of another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from heliograph.engines.attempts.attempt import Functions, run_attempt_async
from heliograph.engines.attempts.executor import (
    GRACE_SECONDS,
    AttemptKey,
    Deliver,
    Receipt,
    Running,
    Said,
    Work,
    those_of,
)
from heliograph.engines.warning import warn, warn_of_blocked_loop
from heliograph.records.attempt import Worker
from heliograph.records.report import Report


class Coroutines:
    """The attempts of one event loop. All of it is called in the loop's thread.

    Args:
        loop: runs them.
        worker: the process that runs them.
        ended: is told of each attempt that ended, by its number: its receipt; None if it was cancelled.
        said: is told what an attempt says, by its number; from any thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker: Worker,
        ended: Callable[[int, Receipt | None], None],
        said: Callable[[int, Report], None],
    ) -> None:
        self._loop = loop
        self._worker = worker
        self._ended = ended
        self._said = said
        self._functions = Functions()
        self._tasks: dict[int, asyncio.Task[Receipt | None]] = {}
        self._cancelled: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def __contains__(self, number: int) -> bool:
        return number in self._tasks

    def start(self, number: int, work: Work, submitted: float) -> None:
        """Run an attempt.

        Args:
            number: names it here.
            work: the attempt.
            submitted: when the executor got it, Unix seconds.
        """
        task = self._loop.create_task(
            run_attempt_async(
                work,
                self._worker,
                submitted,
                self._functions,
                lambda: number not in self._cancelled,
                partial(self._said, number),
            )
        )
        self._tasks[number] = task
        task.add_done_callback(partial(self._done, number))

    def cancel(self, number: int) -> None:
        """Have the attempt end."""
        task = self._tasks.get(number)
        if task is not None:
            self._cancelled.add(number)
            task.cancel()

    def cancel_all(self) -> None:
        """Have all end."""
        for number in list(self._tasks):
            self.cancel(number)

    def _done(self, number: int, task: asyncio.Task[Receipt | None]) -> None:
        del self._tasks[number]
        self._cancelled.discard(number)
        self._ended(number, None if task.cancelled() else task.result())


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop that is not run any more; what coroutines began and left behind is cancelled before."""
    with contextlib.closing(loop), contextlib.suppress(BaseException):  # anybody's code runs once more
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=GRACE_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())


@dataclass(slots=True, eq=False)
class _Entry:
    """An attempt that is neither ended nor cancelled."""

    number: int
    work: Work
    submitted: float
    since: float  # by the steady clock
    started: float = 0.0


class CoroutineThreads:
    """Runs attempts on an event loop in a thread; on another one's, where a coroutine blocks that for long.

    What has begun stays where it is, and goes on when the coroutine lets it. All else is taken along.

    Args:
        deliver: takes the receipts.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._threads = [CoroutineThread(deliver)]
        self._lock = threading.Lock()

    def submit(self, work: Work) -> None:
        """See `Executor.submit`."""
        with self._lock:
            self._threads[-1].submit(work, time.time())

    def cancel(self, key: AttemptKey) -> None:
        """See `Executor.cancel`."""
        for thread in list(self._threads):
            thread.cancel(key)

    def running(self, of: Collection[AttemptKey]) -> list[Running]:
        """See `Executor.running`; whoever has attempts that were not seen to run asks often."""
        with self._lock:
            if self._threads[-1].is_blocked():
                self._pass_on(self._threads[-1])
        return [one for thread in list(self._threads) for one in thread.running(of)]

    def close(self) -> None:
        """Cancel all, and wait for the threads; those that a coroutine blocks are left behind."""
        for thread in self._threads:
            thread.begin_to_close()
        end = time.monotonic() + 2 * GRACE_SECONDS
        for thread in self._threads:
            thread.join(end)

    def _pass_on(self, blocked: CoroutineThread) -> None:
        """Have what has not begun there run in another thread. Called under the lock."""
        other = CoroutineThread(self._deliver, len(self._threads) + 1)
        for entry in blocked.give_away():
            other.submit(entry.work, entry.submitted)
        self._threads.append(other)
        warn_of_blocked_loop(
            *blocked.begun(),
            "A thread can't be stopped; what had not begun goes on in another one. Worker processes can be "
            "stopped.",
        )


class CoroutineThread:
    """Runs attempts on an event loop in a daemon thread of this process, started with the first one.

    A coroutine is stopped by an exception at the point where it waits. One that catches that and goes on is
    left to run, and what it comes back with is dropped.

    Args:
        deliver: takes the receipts.
        number: of the thread.
    """

    def __init__(self, deliver: Deliver, number: int = 1) -> None:
        self._deliver = deliver
        name = "coroutines" if number == 1 else f"coroutines-{number}"
        self._worker = Worker(os.uname().nodename, os.getpid(), name)
        self._numbers = itertools.count()
        self._entries: dict[AttemptKey, _Entry] = {}
        self._keys: dict[int, AttemptKey] = {}  # of attempts on the loop, cancelled ones too
        self._line: deque[_Entry] = deque()  # what has not begun, cancelled ones too
        self._lock = threading.Lock()  # of the line
        self._is_called = False  # the loop, to begin the first of the line
        self._moved_at = 0.0  # when an attempt last began or ended, by the steady clock
        self._loop = asyncio.SelectorEventLoop()
        self._coroutines = Coroutines(self._loop, self._worker, self._ended, self._said)
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=f"heliograph-{name}", daemon=True)
        self._thread.start()

    def submit(self, work: Work, submitted: float) -> None:
        """Run an attempt that the executor got at this time, in Unix seconds."""
        entry = _Entry(next(self._numbers), work, submitted, time.monotonic())
        self._entries[work.key] = entry
        self._keys[entry.number] = work.key
        with self._lock:
            self._line.append(entry)
            if not self._is_called:
                self._is_called = True
                self._loop.call_soon_threadsafe(self._begin)

    def is_blocked(self) -> bool:
        """Whether an attempt has waited for long to begin, and none began or ended meanwhile."""
        with self._lock:
            if not self._line:
                return False
            return time.monotonic() - max(self._line[0].since, self._moved_at) > GRACE_SECONDS

    def give_away(self) -> list[_Entry]:
        """What has not begun, and will not here."""
        with self._lock:
            entries = [entry for entry in self._line if self._entries.pop(entry.work.key, None) is entry]
            for entry in self._line:
                del self._keys[entry.number]
            self._line.clear()
        return entries

    def cancel(self, key: AttemptKey) -> None:
        """See `Executor.cancel`."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._loop.call_soon_threadsafe(self._cancel, entry)

    def running(self, of: Collection[AttemptKey]) -> list[Running]:
        """See `Executor.running`."""
        return [
            Running(entry.work.key, self._worker, entry.submitted, entry.started)
            for entry in those_of(self._entries, of)
            if entry.started
        ]

    def begun(self) -> tuple[list[Work], bool]:
        """The attempts on the loop, once all others were given away; and whether cancelled ones are, too."""
        entries = list(self._entries.values())
        return [entry.work for entry in entries], len(self._keys) > len(entries)

    def begin_to_close(self) -> None:
        """Cancel all, and have the thread end."""
        self._entries.clear()
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._shut_down)

    def join(self, end: float) -> None:
        """Wait for it, up to a time of the steady clock; it is left behind if a coroutine blocks it."""
        if threading.current_thread() is not self._thread:
            self._thread.join(max(0.0, end - time.monotonic()))

    # The loop's thread.

    def _run(self) -> None:
        while not self._is_closing:
            # sys.exit() in a task that a task started comes out here: nothing of ours ends by that.
            with contextlib.suppress(BaseException):
                self._loop.run_forever()
        end(self._loop)

    def _begin(self) -> None:
        with self._lock:
            if not self._line:  # given away
                self._is_called = False
                return
            entry = self._line.popleft()
            self._moved_at = time.monotonic()
            is_wanted = self._entries.get(entry.work.key) is entry
            if is_wanted:
                entry.started = time.time()
            else:  # cancelled meanwhile
                del self._keys[entry.number]
        if is_wanted:
            self._coroutines.start(entry.number, entry.work, entry.submitted)
        # Behind the first step of this one: if that blocks, the next has not begun.
        with self._lock:
            self._is_called = bool(self._line)
            if self._is_called:
                self._loop.call_soon(self._begin)

    def _ended(self, number: int, receipt: Receipt | None) -> None:
        self._moved_at = time.monotonic()
        key = self._keys.pop(number)
        entry = self._entries.pop(key, None)
        if entry is not None:
            assert receipt is not None
            self._deliver(receipt)
        if self._is_closing and not self._coroutines:
            self._loop.stop()

    def _said(self, number: int, report: Report) -> None:
        key = self._keys.get(number)
        if key is not None and key in self._entries:
            self._deliver(Said(key, report))

    def _cancel(self, entry: _Entry) -> None:
        self._coroutines.cancel(entry.number)
        self._loop.call_later(GRACE_SECONDS, self._warn_of, entry)

    def _warn_of(self, entry: _Entry) -> None:
        if entry.number not in self._coroutines or self._is_closing:
            return
        warn(
            f"task {entry.work.task_id!r} of workflow {entry.work.workflow_id!r} is to stop, but its "
            "coroutine goes on after asyncio.CancelledError: it is left to run to its end, and its "
            "output is dropped. Worker processes can be stopped."
        )

    def _shut_down(self) -> None:
        self._is_closing = True
        self._coroutines.cancel_all()
        if self._coroutines:
            self._loop.call_later(GRACE_SECONDS, self._loop.stop)
        else:
            self._loop.stop()
