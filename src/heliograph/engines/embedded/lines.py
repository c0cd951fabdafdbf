"""Which worker gets which attempt, and when: the queue of attempts, and the workers' lines.

Sending ahead. A worker that had to wait for the pool between two short tasks would idle half of the time. So
where a function has proven short, more attempts are put into the line of a worker that is busy. That one of
them should wait behind a task that turns out long is prevented from here: they are taken back (see
`protocol` on tickets) as soon as a worker has nothing to do, or when they have waited for `STUCK_SECONDS`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from heliograph.engines.embedded.handle import Attempt, WorkerHandle

AHEAD: Final = 32
"""How many attempts a worker may have in its line behind the one it runs."""
SHORT_SECONDS: Final = 0.005
"""A function that takes less on average is sent ahead, into a line that is expected to take less."""
STUCK_SECONDS: Final = 0.01
_EWMA_WEIGHT: Final = 0.3
_FUNCTIONS_LIMIT: Final = 4096


class Lines:
    """The queue and the workers that take from it; told of everything by the pool, in its thread.

    Args:
        clogged: told of a worker that does not take all that it is sent at once.
    """

    def __init__(self, clogged: Callable[[WorkerHandle], None]) -> None:
        self._clogged = clogged
        self._queue: deque[Attempt] = deque()
        self._idle: dict[WorkerHandle, None] = {}
        self._roomy: dict[WorkerHandle, None] = {}
        self._ahead: dict[Attempt, None] = {}  # not begun, as far as is known; the oldest first
        self._given: dict[WorkerHandle, None] = {}  # something that is still to be sent
        self._seconds: dict[int, float] = {}  # what attempts of each function take on average

    def put(self, attempt: Attempt) -> None:
        """Queue an attempt; one that is cancelled later is passed over when its turn comes."""
        if attempt.work.goes_first:
            self._queue.appendleft(attempt)
        else:
            self._queue.append(attempt)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for a worker."""
        return not self._queue

    def clear(self) -> None:
        """Forget all attempts that are queued."""
        self._queue.clear()

    def feed(self, is_alone: bool) -> None:
        """Hand out what can be; to each worker all at once.

        Args:
            is_alone: the pool has one attempt, and no other.
        """
        self._hand_out(is_alone)
        for handle in self._given:
            handle.send()
            if handle.wire.wants_to_write:
                self.place(handle)
                self._clogged(handle)
        self._given.clear()

    def _hand_out(self, is_alone: bool) -> None:
        if self._ahead:
            oldest = next(iter(self._ahead))
            if oldest.handle is not None and time.monotonic() - oldest.sent > STUCK_SECONDS:
                self.take_back(oldest.handle)
        queue = self._queue
        while True:
            while queue:
                attempt = queue[0]
                if attempt.is_cancelled:
                    queue.popleft()
                elif self._idle:
                    self._give(self._idle.popitem()[0], queue.popleft(), is_alone)
                elif self._roomy and self._expected(attempt) < SHORT_SECONDS:
                    self._give(next(iter(self._roomy)), queue.popleft(), is_alone)
                else:
                    return
            if not (self._idle and self._ahead):
                return
            # A worker has nothing to do, and something waits in another's line.
            oldest = next(iter(self._ahead))
            del self._ahead[oldest]
            if oldest.handle is not None:
                self.take_back(oldest.handle)

    def answered(self, handle: WorkerHandle, seconds: float) -> Attempt:
        """A worker has ended the first attempt of its line: take it out.

        Args:
            handle: the worker.
            seconds: how long the attempt took.
        """
        attempt = handle.line.popleft()
        handle.cut = 0
        self._ahead.pop(attempt, None)
        if handle.line:
            handle.line[0].started = time.time()
            self._ahead.pop(handle.line[0], None)
        function = hash(attempt.work.function.data)  # by its content: workflow after workflow has it
        if len(self._seconds) > _FUNCTIONS_LIMIT:
            self._seconds.clear()
        known = self._seconds.get(function, seconds)
        self._seconds[function] = known + _EWMA_WEIGHT * (seconds - known)
        return attempt

    def place(self, handle: WorkerHandle) -> None:
        """Keep it known whether a worker can take an attempt, after anything about it has changed."""
        self._idle.pop(handle, None)
        self._roomy.pop(handle, None)
        if not handle.is_ready or handle.is_leaving:
            return
        if not handle.line:
            self._idle[handle] = None
        elif (
            len(handle.line) <= AHEAD
            and not handle.cut
            and not handle.wire.wants_to_write
            and sum(map(self._expected, handle.line)) < SHORT_SECONDS
        ):
            self._roomy[handle] = None

    def take_back(self, handle: WorkerHandle) -> None:
        """Put what a worker has not begun back to the front of the queue."""
        taken = handle.take_back()
        for attempt in taken:
            self._ahead.pop(attempt, None)
        self._queue.extendleft(reversed(taken))
        self.place(handle)

    def remove(self, handle: WorkerHandle) -> None:
        """A worker is gone: what it had not begun is for others."""
        self.take_back(handle)
        self._idle.pop(handle, None)
        self._roomy.pop(handle, None)
        self._given.pop(handle, None)
        for attempt in handle.line:
            self._ahead.pop(attempt, None)

    def _give(self, handle: WorkerHandle, attempt: Attempt, is_alone: bool) -> None:
        attempt.sent = time.monotonic()
        attempt.is_alone = is_alone
        if handle.line:
            self._ahead[attempt] = None
        else:
            attempt.started = time.time()
        handle.put(attempt)
        self._given[handle] = None
        self.place(handle)

    def _expected(self, attempt: Attempt) -> float:
        """How long it will take: as others of its function did; one that is not known is not short."""
        return self._seconds.get(hash(attempt.work.function.data), SHORT_SECONDS)
