"""When a coordinator may end by itself (decision 0044): the drivers that have come to it, until they end.

While one of them lives it may hold what ends with the coordinator: references inside of a large output are of
the workers that put the objects, and Ray ends those with the actor whose tasks they ran. And it may call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Final

LOOK_SECONDS: Final = 60.0
"""How often is looked which drivers have ended, and whether anything runs."""
LOOKS: Final = 5
"""It is not needed if so many looks in a row say so: a next driver of the same kind finds it until then."""


class Guests:
    """The jobs of Ray that have come.

    Args:
        first: the job that made the coordinator.
        are_known: no others have come; else any that is there may have, to an earlier life of the actor.
    """

    def __init__(self, first: str, are_known: bool) -> None:
        self._lock = threading.Lock()
        self._jobs = {first}
        self._are_known = are_known
        self._is_closed = False

    def come(self, job: str) -> bool:
        """A driver of this job is there, and stays until it ends; False: too late."""
        with self._lock:
            if not self._is_closed:
                self._jobs.add(job)
            return not self._is_closed

    def any_left(self, living: Callable[[], Collection[str]]) -> bool:
        """Whether any is there still.

        Args:
            living: which jobs there are now.
        """
        with self._lock:
            before = set(self._jobs)
        if self._are_known and not before:
            return False
        there = set(living())
        with self._lock:
            self._jobs -= before - there  # who came meanwhile stays
            if not self._are_known:
                self._jobs |= there
                self._are_known = True
            return bool(self._jobs)

    def close(self) -> bool:
        """Let nobody in any more; False: somebody is there."""
        with self._lock:
            self._is_closed = not self._jobs
            return self._is_closed


def wait_until_unneeded(
    guests: Guests, living: Callable[[], Collection[str]], is_busy: Callable[[], bool]
) -> None:
    """Wait until a coordinator may end; from then on it has no guests.

    Args:
        guests: its own.
        living: which jobs there are now.
        is_busy: whether it has anything to do that is nobody's.
    """
    unneeded = 0
    while unneeded < LOOKS or not guests.close():
        time.sleep(LOOK_SECONDS)
        try:
            is_needed = guests.any_left(living) or is_busy()
        except Exception:  # Ray does not answer
            is_needed = True
        unneeded = 0 if is_needed else unneeded + 1
