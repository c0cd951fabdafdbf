"""Keys for workflows that are about to be stored on a server, asked for several at a time.

With its key known before, all of a new workflow is one statement; else its rows had to wait for the answer.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from heliograph.storage.database import Database

_GOOD_SECONDS: Final = 0.05
"""Newer workflows have greater keys, by which lists are in order: one that lay for long must not be used."""


class NewKeys:
    """Those of one journal, used by one thread at a time.

    Args:
        database: on a server.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: deque[int] = deque()
        self._good_until = 0.0

    def take(self) -> int:
        """One that nobody else gets.

        Raises:
            StorageError: the server does not come back.
        """
        if not self._keys or time.monotonic() > self._good_until:
            asked = time.monotonic()
            self._keys = deque(self._database.again(self._database.new_keys))
            self._good_until = asked + _GOOD_SECONDS
        return self._keys.popleft()
