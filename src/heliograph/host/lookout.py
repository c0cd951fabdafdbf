"""Waiting for a message that may come at once: look for it a while before going to sleep, where that pays.

To be woken takes a process as long as a commit takes the disk, 50 to 100 µs on a virtual machine. In a chain
of short tasks the pool and its worker wait for each other all the time, and being woken was a third of what
a task cost. One who was answered soon keeps looking; one who was not sleeps: an idle engine stays idle.

Where others want the processors too, one who looks keeps them from the one that is to answer. It notices by
being pushed off its own processor. Then it sleeps through the next messages, and through more each time.
"""

from __future__ import annotations

import functools
import resource
import time
from collections.abc import Callable
from typing import Any, Final

from heliograph.host.cpus import usable_cpus

SOON_SECONDS: Final = 0.001
"""How long to look for what another processor is about to have: the answer of a short task."""
COMMIT_SECONDS: Final = 0.003
"""How long to look for the next task of a chain: its sender commits first, on a slow disk for 1 or 2 ms."""

_MOST_RESTS: Final = 127
"""Messages that are slept through, at most, before another look."""

_THREAD: Final = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class Lookout:
    """One who waits for messages, and remembers whether the last one came soon.

    Args:
        now: a clock that nobody sets, in seconds.
        soon: how long to look, in seconds.
        pushes: how often its thread was pushed off its processor until now.
    """

    __slots__ = ("_comes_soon", "_now", "_pushes", "_rest", "_rests", "_soon")

    def __init__(
        self,
        now: Callable[[], float] = time.perf_counter,
        soon: float = SOON_SECONDS,
        pushes: Callable[[], int] = lambda: resource.getrusage(_THREAD).ru_nivcsw,
    ) -> None:
        self._now = now
        self._soon = soon
        self._pushes = pushes
        self._comes_soon = False
        self._rests = self._rest = 0

    def wait(self, arrived: Callable[[float | None], Any], patience: float | None = None) -> Any:
        """Wait for something to arrive.

        Args:
            arrived: waits so long and gives what came, or something false: 0 is not at all, None is for ever.
            patience: how long to wait in all, in its unit.
        """
        begun = self._now()
        found = self.look(arrived) or arrived(patience)
        self.heard(self._now() - begun if found else self._soon)
        return found

    def look(self, arrived: Callable[[float], Any]) -> Any:
        """Look for a while, where that pays. If nothing came, the caller sleeps; and tells when it was heard.

        Args:
            arrived: gives what came, or something false; it is called with 0, not to wait at all.
        """
        found = arrived(0)
        if found or not self._comes_soon or not _has_company():
            return found
        if self._rests:
            self._rests -= 1
            return found
        begun, pushes = self._now(), self._pushes()
        while not found and self._now() - begun < self._soon:
            found = arrived(0)
        pushed = self._pushes() != pushes
        self._rest = min(2 * self._rest + 1, _MOST_RESTS) if pushed else self._rest // 2
        self._rests = self._rest if pushed else 0
        return found

    def heard(self, seconds: float) -> None:
        """What was waited for came after so many seconds: soon, or not."""
        self._comes_soon = seconds < self._soon


@functools.cache
def _has_company() -> bool:
    """Whether the one that is to answer can run while somebody looks: not where all share one processor."""
    return usable_cpus() > 1
