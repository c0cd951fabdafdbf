"""A clock that somebody may set: what is due moves along with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from heliograph.storage.databases.clocks import steady_seconds

_JUMP_SECONDS: Final = 0.5  # the clock is set in jumps; what it drifts by is less


class WatchedClock:
    """Tells the time, and whether it was set.

    Args:
        clock: gives Unix seconds.
        was_set: called with the time, and by how many seconds the clock was set since it was asked before.
    """

    def __init__(self, clock: Callable[[], float], was_set: Callable[[float, float], object]) -> None:
        self._clock = clock
        self._was_set = was_set
        self._offset = clock() - steady_seconds()

    def now(self) -> float:
        """Unix seconds."""
        now = self._clock()
        jump = now - steady_seconds() - self._offset
        if not -_JUMP_SECONDS < jump < _JUMP_SECONDS:
            self._offset += jump
            self._was_set(now, jump)
        return now
