"""Clocks: a steady one, and that of a server, read here without asking each time."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from typing import Final

_KEPT_SECONDS: Final = 10.0
"""So long what the server said is gone on from: clocks that nobody sets agree that well."""


class ServerClock:
    """Tells the time of a server, by a steady clock of this machine's between two questions.

    Args:
        ask: asks the server for Unix seconds.
        failure: what that raises where the server can't be asked.
    """

    def __init__(self, ask: Callable[[], float], failure: type[Exception]) -> None:
        self._ask = ask
        self._failure = failure
        self._offset: float | None = None
        self._asked_at = 0.0

    def now(self) -> float:
        """Unix seconds; if the server can't be asked now, by what it said last.

        Raises:
            Exception: as `ask`, where it never said anything.
        """
        before = steady_seconds()
        if self._offset is None:
            self._learn(before)
        elif before - self._asked_at > _KEPT_SECONDS:
            self._asked_at = before  # others that come meanwhile go by the old answer
            with contextlib.suppress(self._failure):
                self._learn(before)
        assert self._offset is not None
        return steady_seconds() + self._offset

    def _learn(self, before: float) -> None:
        told = self._ask()
        after = steady_seconds()
        self._offset, self._asked_at = told - (before + after) / 2, after


steady_seconds: Final[Callable[[], float]] = (
    functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Seconds by a clock that nobody sets, and that goes on while the machine sleeps, if there is one."""
