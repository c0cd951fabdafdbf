"""Keys of new workflows, set aside by the server: of many that come at once, not each asks for its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

_MOST: Final = 32
_SOON_SECONDS: Final = 0.1
_SET_ASIDE: Final = (
    "SELECT nextval(pg_get_serial_sequence('workflows', 'key')) FROM generate_series(1, %(count)s)"
)


class KeysAside:
    """What was set aside for this process; any thread may take from it.

    At first one is asked for; twice as many if the last ones were used up soon after. What is left after that
    time is dropped: keys are in the order in which workflows came in, which among processes holds to within
    that time.

    Args:
        clock: steady, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: deque[int] = deque()
        self._count = 0  # how many were asked for last
        self._until = 0.0

    def next(self, raw: Any) -> int:
        """One that nobody else gets.

        Args:
            raw: a connection of the driver's, to ask on.
        """
        with self._lock:
            is_soon = self._clock() < self._until
            if not (is_soon and self._left):
                count = min(2 * self._count, _MOST) if is_soon else 1
                self._left = deque([key for (key,) in raw.execute(_SET_ASIDE, {"count": count})])
                self._count, self._until = count, self._clock() + _SOON_SECONDS
            return self._left.popleft()

    def drop(self) -> None:
        """Use none of what is left."""
        with self._lock:
            self._left.clear()
