"""Connections that nobody uses now, kept for whoever asks next."""

from __future__ import annotations

from typing import Final

from heliograph.storage.statements.connection import Connection

_MOST: Final = 8


class IdleConnections:
    """A few open connections; may be used by many threads."""

    def __init__(self) -> None:
        self._kept: list[Connection] = []
        self._is_closed = False

    def take(self) -> Connection | None:
        """The one that was used last, whose cache is warmest; None: there is none."""
        try:
            return self._kept.pop()
        except IndexError:  # no question before: another thread may take the last one
            return None

    def put(self, connection: Connection) -> None:
        """Keep one, or close it if there are enough, or they are wanted no more."""
        if len(self._kept) < _MOST:
            self._kept.append(connection)
            if self._is_closed:
                self.clear()
        else:
            connection.close()

    def clear(self) -> None:
        """Close all that are here now."""
        while (connection := self.take()) is not None:
            connection.close()

    def close(self) -> None:
        """Close them, and all that come back."""
        self._is_closed = True
        self.clear()
