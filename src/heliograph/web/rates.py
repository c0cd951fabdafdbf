"""How often one client may ask: so that a program gone wrong doesn't take the server from all others."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

A_SECOND: Final = 200.0
AT_ONCE: Final = 4000.0
"""What a client may ask in short order, if it asked little before: a thousand event streams, too."""
GUESSES_A_SECOND: Final = 0.2
GUESSES: Final = 10.0
"""Wrong tokens that a client may show in short order."""
_CLIENTS: Final = 10_000
"""So many are kept in mind: the ones that were here last."""


class Rates:
    """Budgets that fill again over time, one a client.

    Args:
        a_second: what comes back in a second.
        most: what a budget holds.
        clock: gives seconds.

    >>> now = [0.0]
    >>> rates = Rates(1.0, 2.0, lambda: now[0])
    >>> [rates.wait("here") for _ in range(3)], rates.wait("there")
    ([0.0, 0.0, 1.0], 0.0)
    >>> now[0] = 1.0
    >>> rates.wait("here")
    0.0
    """

    def __init__(self, a_second: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take one from a client's budget; 0, or the seconds until there is one again."""
        left, now = self._left(client)
        is_free = left >= 1
        self._known[client] = left - is_free, now
        self._known.move_to_end(client)
        if len(self._known) > _CLIENTS:
            self._known.popitem(last=False)
        return 0.0 if is_free else (1 - left) / self._a_second

    def is_out(self, client: str) -> bool:
        """Whether a client has nothing left; nothing is taken."""
        return self._left(client)[0] < 1

    def _left(self, client: str) -> tuple[float, float]:
        now = self._clock()
        left, since = self._known.get(client, (self._most, now))
        return min(left + (now - since) * self._a_second, self._most), now


def client_of(scope: object) -> str:
    """The address that a request comes from, of an ASGI scope."""
    found = scope.get("client") if isinstance(scope, dict) else None
    return str(found[0]) if found else ""
