"""The connections to a database: many that read, one at a time that writes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from heliograph.errors import StorageError
from heliograph.storage import sqlite
from heliograph.storage.location import Location


class Database:
    """One open database.

    Args:
        location: where it is.

    Raises:
        StorageError: it can't be opened.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        with self._translated():
            self._engine: Engine = sqlite.engine(location)
        # Writers of one process queue here, fairly; SQLite's own way to wait is to sleep and try again.
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        self.dialect = self._engine.dialect
        self._identity = sqlite.identity(location)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which each statement sees a snapshot of its own."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all statements see the same moment."""
        with self.read() as connection:
            sqlite.execute(connection, "BEGIN")
            try:
                yield connection
            finally:
                sqlite.undo(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end, undone by an exception."""
        with self._translated(), self._writing:
            connection = self._the_writer()
            if sqlite.identity(self.location) != self._identity:  # what is written there would be lost
                raise StorageError(
                    f"storage {self.location.url} was replaced while it was in use: start again"
                )
            sqlite.execute(connection, sqlite.BEGIN_WRITE)
            try:
                yield connection
                sqlite.execute(connection, "COMMIT")
            except BaseException:
                sqlite.undo(connection)
                raise

    def make_room(self) -> None:
        """Make ready for many commits: for a moment in which nobody waits. Where it can't be, they cost more."""
        with contextlib.suppress(StorageError), self._translated(), self._writing:
            sqlite.lengthen_log(self.location)

    def changes(self) -> int:
        """A number that differs after another process committed something."""
        with self._translated(), self._writing:
            return sqlite.changes_elsewhere(self._the_writer())

    def _the_writer(self) -> Connection:
        # One connection writes for the whole process, so that what it sees change, others changed.
        if self._writer is None:
            self._writer = self._engine.connect()
        return self._writer

    def close(self) -> None:
        """Close all connections."""
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise sqlite.translated(error.orig, self.location) from error
        except sqlite.DRIVER_ERROR as error:
            raise sqlite.translated(error, self.location) from error
        except OSError as error:
            raise StorageError(f"storage {self.location.url}: {error.strerror or error}") from error
