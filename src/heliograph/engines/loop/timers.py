"""What is to happen at a time: the end of a sleep, the next attempt, the end of an attempt's time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator

from heliograph.engines.loop.live import LiveRun
from heliograph.graph.frozen import record


@record
class Timer:
    """Something to do at a time.

    Attributes:
        run: the run it is about; it may be over by then.
        task: the task.
        attempt: the attempt whose time is over; None: the machine wants to be told `Due`.
    """

    run: LiveRun
    task: int
    attempt: int | None = None


class Timers:
    """The timers of an engine. A task costs a few hundred bytes while it waits, and no thread.

    Attributes:
        next: when the next one is due, Unix seconds; infinite where there is none.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._counter = itertools.count()  # of two at the same time, the older comes first
        self.next = math.inf

    def set(self, at: float, timer: Timer) -> None:
        """Have it come out of `due` at a time."""
        heapq.heappush(self._heap, (at, next(self._counter), timer))
        self.next = self._heap[0][0]

    def due(self, now: float) -> Iterator[Timer]:
        """Take those out whose time has come."""
        while self.next <= now:
            timer = heapq.heappop(self._heap)[2]
            self.next = self._heap[0][0] if self._heap else math.inf
            yield timer

    def shift(self, seconds: float) -> None:
        """The clock was set: all are due as much later, so that nobody sleeps longer or shorter for it."""
        self._heap = [(at + seconds, number, timer) for at, number, timer in self._heap]
        self.next += seconds

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
        self.next = math.inf
