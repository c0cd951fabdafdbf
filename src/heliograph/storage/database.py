"""The connections to a database: many that read, one at a time that writes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from heliograph.errors import StorageError
from heliograph.storage.backend import UndoneError, backend_of
from heliograph.storage.location import Location

T = TypeVar("T")

_TRIES: Final = 5


class Database:
    """One open database.

    Args:
        location: where it is.

    Raises:
        StorageError: it can't be opened.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._backend = backend_of(location)
        with self._translated():
            self._engine: Engine = self._backend.engine()
        # Writers of one process queue here, fairly; SQLite's own way to wait is to sleep and try again.
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        self.dialect = self._engine.dialect

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection on which each statement sees a snapshot of its own."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which all statements see the same moment."""
        with self.read() as connection:
            self._backend.begin_snapshot(connection)
            try:
                yield connection
            finally:
                self._backend.undo(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end, undone by an exception.

        Who writes rows of a workflow locks it first: see `lock`.
        """
        with self._writing:
            connection = self._begun()
            try:
                yield connection
                self._backend.commit(connection)
            except BaseException as error:
                self._undo(connection, error)
                raise

    def written(self, work: Callable[[Connection], T]) -> T:
        """Do work within a transaction; again, where the database undid it for another one's sake."""
        for _ in range(_TRIES - 1):
            try:
                return self._written_once(work)
            except UndoneError:
                continue
        return self._written_once(work)

    def _written_once(self, work: Callable[[Connection], T]) -> T:
        # As `write`, without what a context manager costs: each step of a chain of tasks waits for this.
        with self._writing:
            connection = self._begun()
            try:
                done = work(connection)
                self._backend.commit(connection)
            except BaseException as error:
                self._undo(connection, error)
                raise
            return done

    def _begun(self) -> Connection:
        """The writer, in a transaction."""
        try:
            connection = self._the_writer()
            self._backend.check()
        except Exception as error:
            self._translate(error)
            raise
        try:
            self._backend.begin(connection)
        except BaseException as error:
            self._undo(connection, error)
            raise
        return connection

    def _undo(self, connection: Connection, error: BaseException) -> None:
        self._backend.undo(connection)
        self._translate(error)

    def lock(
        self,
        connection: Connection,
        keys: Collection[int] = (),
        ids: Collection[str] = (),
        new: Collection[str] = (),
    ) -> None:
        """Until the transaction ends, let nobody else write of workflows with these keys or ids.

        What is read after this, and belongs to them, stays so. All at once: a second call could wait for
        one who waits for the first.

        Args:
            connection: of the transaction.
            keys: of workflows.
            ids: of workflows.
            new: of workflows that the transaction will store.
        """
        self._backend.lock(connection, keys, ids, new)

    def lock_schema(self, connection: Connection) -> None:
        """Until the transaction ends, let nobody else make or change tables."""
        self._backend.lock_schema(connection)

    def make_room(self) -> None:
        """Make ready for many commits: for a moment in which nobody waits."""
        # Where it can't be done, commits only cost more.
        with contextlib.suppress(StorageError), self._translated(), self._writing:
            self._backend.make_room()

    def changes(self) -> int:
        """A number that differs after another process committed something."""
        with self._translated(), self._writing:
            return self._backend.changes(self._the_writer())

    def problems(self, connection: Connection) -> tuple[str, ...]:
        """Damages, as far as the database can tell."""
        return self._backend.problems(connection)

    def explained(self, connection: Connection, sql: str) -> list[str]:
        """How the database goes about a query."""
        return self._backend.explained(connection, sql)

    def ask(self, query: str, limit: int | None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of a user's own query, which can change nothing.

        Raises:
            ValueError: the query is wrong, or would change something.
        """
        with self._translated():
            return self._backend.ask(query, limit)

    def _the_writer(self) -> Connection:
        # One connection writes for the whole process, so that what it sees change, others changed.
        if self._writer is not None and not self._backend.is_good(self._writer):
            self._drop_writer()
        if self._writer is None:
            self._writer = self._engine.connect()
        return self._writer

    def _drop_writer(self) -> None:
        if self._writer is not None:
            if not self._backend.is_good(self._writer):
                self._writer.invalidate()  # else closing it would want to tell the server
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        """Close all connections."""
        with self._writing:
            self._drop_writer()
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._translate(error)
            raise

    def _translate(self, error: BaseException) -> None:
        """Raise what an error of the driver or the system means; one of another kind is left as it is."""
        match error:
            case DBAPIError():
                raise self._backend.translated(error.orig) from error
            case self._backend.driver_error():
                raise self._backend.translated(error) from error
            case OSError():
                raise StorageError(f"storage {self.location.shown}: {error.strerror or error}") from error
