"""Connections that read, kept from one question to the next: a new one costs more than most questions."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final

from sqlalchemy import Connection, Engine

from heliograph.storage.backend import Backend

_KEPT: Final = 8


class Readers:
    """Gives them out; as many as are asked for.

    Args:
        engine: makes them.
        backend: of the database.
        translate: raises what an error of the driver means to a user; leaves other errors alone.
    """

    def __init__(self, engine: Engine, backend: Backend, translate: Callable[[BaseException], None]) -> None:
        self._engine = engine
        self._idle: deque[Connection] = deque()
        self._is_closed = False
        self.backend = backend
        self.translate = translate

    def take(self) -> Connection:
        """One that nobody else has until it is given back, or closed."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._engine.connect()
            if self.backend.is_good(connection):
                return connection
            drop(connection)

    def give_back(self, connection: Connection) -> None:
        """Nobody needs it any more, and nothing is open on it."""
        if self._is_closed or len(self._idle) >= _KEPT:
            drop(connection)
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close those that nobody has; the others are closed when they come back."""
        self._is_closed = True
        with contextlib.suppress(IndexError):
            while True:
                drop(self._idle.pop())


def drop(connection: Connection) -> None:
    """Close it for good: the pool it came from may be gone, and nobody would close it there."""
    connection.invalidate()
    connection.close()


class Reading:
    """A connection for as long as it is read from. Each statement on it sees a snapshot of its own.

    A class, since it is entered with every question: a generator would cost four times as much.
    """

    __slots__ = ("_connection", "_readers")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> Connection:
        """Take one."""
        readers = self._readers
        try:
            readers.backend.check()  # an open file can be read long after it was removed
            self._connection = readers.take()
            self._begin(self._connection)
        except Exception as error:
            readers.translate(error)
            raise
        return self._connection

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Give it back; one on which something failed is not kept."""
        if error is None:
            try:
                self._end(self._connection)
            except BaseException as failed:
                self._fail(failed)
                raise
            self._readers.give_back(self._connection)
        else:
            self._fail(error)

    def _begin(self, connection: Connection) -> None:
        """Nothing has to be done before it is read from."""

    def _end(self, connection: Connection) -> None:
        """Nothing has to be done after."""

    def _fail(self, error: BaseException) -> None:
        self._readers.backend.undo(self._connection)
        drop(self._connection)
        if isinstance(error, Exception):
            self._readers.translate(error)


class Snapshot(Reading):
    """The same; all statements see the same moment."""

    __slots__ = ()

    def _begin(self, connection: Connection) -> None:
        try:
            self._readers.backend.begin_snapshot(connection)
        except BaseException:
            self._readers.backend.undo(connection)
            drop(connection)
            raise

    def _end(self, connection: Connection) -> None:
        self._readers.backend.end_snapshot(connection)
