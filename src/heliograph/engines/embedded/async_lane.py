"""The async worker, as the pool sees it: one process, started with the first attempt, replaced when it dies.

An attempt is cancelled by a message. If it has not ended some time after the worker could have read that, it
blocks the loop or takes no hint: then the worker is killed. What else it had is sent to the next worker, and
nobody is told: those attempts begin again, from their start. So the code of an async task may run more than
once though nothing failed; as that of any task may, whose worker dies.
"""

from __future__ import annotations

import itertools
import pickle
import selectors
import signal
import time
from collections.abc import Collection

from heliograph.engines.attempts.executor import GRACE_SECONDS, AttemptKey, Deliver, Running, Said, those_of
from heliograph.engines.embedded.deaths import died, ended, never_ran
from heliograph.engines.embedded.handle import START_FAILURES, Attempt, WorkerProcess
from heliograph.engines.embedded.protocol import (
    READY,
    pack_tickets,
    unpack_answer,
    unpack_report,
    unpack_tickets,
)
from heliograph.engines.embedded.wire import watch
from heliograph.engines.warning import warn_of_blocked_loop


class AsyncLane:
    """The async worker and its attempts; all of it is called by the pool's thread, except `running`.

    Args:
        deliver: takes the receipts.
        selector: the pool's; what is registered with a file is called with the mask.
        storage: what the worker is told as its own; None: what this process was told.
    """

    def __init__(self, deliver: Deliver, selector: selectors.BaseSelector, storage: str | None) -> None:
        self._deliver = deliver
        self._storage = storage
        self._selector = selector
        self._tickets = itertools.count()
        self._attempts: dict[AttemptKey, Attempt] = {}
        self._sent: dict[int, Attempt] = {}  # by ticket; cancelled ones too, until the worker says they ended
        self._cancelled: dict[int, float] = {}  # since when, monotonic seconds; the oldest first
        self._waiting: dict[int, float] = {}  # likewise, those that the worker may not have read yet
        self._process: WorkerProcess | None = None
        self._made = 0
        self._start_failures = 0
        self._read_at = 0.0  # when the worker was last seen to read, monotonic seconds
        self._is_killed = False

    def put(self, attempt: Attempt) -> None:
        """Run an attempt."""
        self._attempts[attempt.work.key] = attempt
        if self._process is None:
            self._start()
        if self._process is not None:
            self._send(self._process, attempt)

    def cancel(self, key: AttemptKey) -> bool:
        """Have an attempt end; False: it is none of these."""
        attempt = self._attempts.pop(key, None)
        if attempt is None:
            return False
        attempt.is_cancelled = True
        self._cancelled[attempt.ticket] = time.monotonic()
        assert self._process is not None
        self._process.wire.send(pack_tickets([attempt.ticket]))
        watch(self._selector, self._process.wire)
        return True

    def running(self, of: Collection[AttemptKey]) -> list[Running]:
        """See `Executor.running`; as it was a moment ago."""
        process = self._process
        if process is None:
            return []
        return [
            Running(attempt.work.key, process.worker, attempt.submitted, attempt.started)
            for attempt in those_of(self._attempts, of)
            if attempt.started
        ]

    def patience(self) -> float | None:
        """Seconds until `see_to_overdue` has to be called; None: not for now."""
        known = [left for left in map(self._left, (self._cancelled, self._waiting)) if left is not None]
        return min(known, default=None)

    def see_to_overdue(self) -> None:
        """Kill the worker if a cancelled attempt has had its time; say so if none can begin."""
        if self._process is not None and self._left(self._cancelled) == 0:
            self._is_killed = True
            self._cancelled.clear()
            self._waiting.clear()
            self._process.signal(signal.SIGKILL)
        if self._left(self._waiting) == 0:
            self._waiting.clear()
            begun = [attempt.work for attempt in self._sent.values() if attempt.started]
            if begun:
                warn_of_blocked_loop(begun, False, "A cancellation, or its `timeout`, ends it.")

    def _left(self, since: dict[int, float]) -> float | None:
        """Seconds that the worker has yet for the oldest of these; None: there are none, or no worker."""
        if not since or self._process is None or not self._process.is_ready:
            return None
        return max(0.0, max(next(iter(since.values())), self._read_at) + GRACE_SECONDS - time.monotonic())

    def fail_all(self, reason: str) -> None:
        """There is no worker for these attempts, and there won't be one."""
        failed = list(self._attempts.values())
        self._attempts.clear()
        for attempt in failed:
            attempt.is_cancelled = True
            self._deliver(never_ran(attempt, reason))

    def hang_up(self) -> None:
        """Have the worker cancel all and end."""
        if self._process is not None:
            self._process.wire.hang_up()

    def reap(self, patience: float) -> None:
        """See the worker off; seconds it gets to end by itself."""
        if self._process is not None:
            self._process.reap(patience)
            self._process = None

    def _start(self) -> None:
        self._made += 1
        try:
            process = WorkerProcess("async_worker", f"async-{self._made}", storage=self._storage)
        except (OSError, ValueError) as error:  # no such interpreter, no more processes or files
            self.fail_all(f"the async worker can't be started: {error}")
            return
        self._process, self._is_killed = process, False
        self._selector.register(process.wire, selectors.EVENT_READ, self._on_wire)
        if process.death is not None:
            self._selector.register(process.death, selectors.EVENT_READ, lambda _: self._bury(process))

    def _send(self, process: WorkerProcess, attempt: Attempt) -> None:
        attempt.ticket = next(self._tickets)
        attempt.started = 0.0
        self._sent[attempt.ticket] = attempt
        self._waiting[attempt.ticket] = time.monotonic()
        process.wire.send(process.order(attempt))
        watch(self._selector, process.wire)

    def _on_wire(self, mask: int) -> None:
        process = self._process
        if process is None:
            return
        if mask & selectors.EVENT_WRITE:
            self._read_at = time.monotonic()
            process.wire.flush()
            watch(self._selector, process.wire)
        if mask & selectors.EVENT_READ and not self._hear(process):
            self._bury(process)

    def _hear(self, process: WorkerProcess, to_the_end: bool = False) -> bool:
        """Take in what the worker says; whether it can say more."""
        messages, is_open = process.wire.receive(to_the_end)
        for message in messages:
            if not process.is_ready:
                process.is_ready = message == READY
                self._read_at = time.monotonic()
                self._start_failures = 0
                continue
            try:
                self._answered(process, message)
            except (pickle.UnpicklingError, ValueError, TypeError, LookupError, EOFError):
                process.wire.spoil()  # a task wrote into it
                return False
        return is_open

    def _answered(self, process: WorkerProcess, message: bytes) -> None:
        tickets = unpack_tickets(message)
        if tickets is not None:
            self._read_at = time.monotonic()
            for ticket in tickets:
                attempt = self._sent[ticket]
                if attempt.started:
                    self._ended(ticket)
                else:
                    attempt.started = time.time()
                    self._waiting.pop(ticket, None)
            return
        report = unpack_report(message)
        if report is not None:
            attempt = self._sent[report[0]]
            if not attempt.is_cancelled:
                self._deliver(Said(attempt.work.key, report[1]))
            return
        answer = unpack_answer(message, lambda ticket: self._sent[ticket].work.key, process.worker)
        attempt = self._ended(answer.ticket)
        if not attempt.is_cancelled:
            del self._attempts[attempt.work.key]
            self._deliver(answer.receipt)

    def _ended(self, ticket: int) -> Attempt:
        self._cancelled.pop(ticket, None)
        self._waiting.pop(ticket, None)
        return self._sent.pop(ticket)

    def _bury(self, process: WorkerProcess) -> None:
        """The worker is dead, or can't be heard any more: settle what it had."""
        if process is not self._process:
            return
        self._hear(process, to_the_end=True)
        self._process = None
        self._selector.unregister(process.wire)
        if process.death is not None:
            self._selector.unregister(process.death)
        code = process.reap(0.0)
        left = [attempt for attempt in self._sent.values() if not attempt.is_cancelled]
        self._sent.clear()
        self._cancelled.clear()
        self._waiting.clear()
        if not process.is_ready:
            self._start_failures += 1
            if self._start_failures >= START_FAILURES:
                self._start_failures = 0
                self.fail_all(f"the async worker {ended(code)} before it was ready; see what it printed")
                return
        begins_again = self._is_killed or not process.is_ready
        for attempt in left:
            if begins_again:
                if not attempt.is_cancelled:  # by the failure to start one for those before it
                    self.put(attempt)
            else:
                del self._attempts[attempt.work.key]
                self._deliver(died(attempt, process.worker, code))
