"""Attempts that wait until the executor has room for them.

As numbers: an attempt that was handed out has a dozen objects, and Python's garbage collector looks at all
objects again and again. So their number must not grow with the width of a DAG.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from heliograph.engines.loop.live import LiveRun


@dataclass(slots=True)
class _Stretch:
    """Tasks of one run that became ready one after the other."""

    run: LiveRun
    tasks: deque[int] = field(default_factory=deque)


class Backlog:
    """The deepest first, then first come, first served; since when each has waited, its run knows.

    Attributes:
        stretches: those who wait; empty where nobody does.
    """

    def __init__(self) -> None:
        self.stretches: deque[_Stretch] = deque()

    def put(self, run: LiveRun, task: int, ready: float) -> None:
        """An attempt of the task is to wait; one that is taken out of `run.waiting` later is passed over."""
        run.waiting[task] = ready
        place = len(self.stretches)
        while place and self.stretches[place - 1].run.depth < run.depth:
            place -= 1
        if not place or self.stretches[place - 1].run is not run:
            self.stretches.insert(place, _Stretch(run))
            place += 1
        self.stretches[place - 1].tasks.append(task)

    def take(self) -> tuple[LiveRun, int, float] | None:
        """The next one, with the time since when it waits; None: there is none."""
        while self.stretches:
            stretch = self.stretches[0]
            task = stretch.tasks.popleft()
            if not stretch.tasks:
                self.stretches.popleft()
            ready = stretch.run.waiting.pop(task, None)
            if ready is not None:
                return stretch.run, task, ready
        return None

    def clear(self) -> None:
        """Forget all: their runs were dropped."""
        self.stretches.clear()
