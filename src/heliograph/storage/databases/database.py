"""The connections to a database: many that read, one at a time that writes."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from heliograph.errors import StorageCorruptError, StorageError, StorageUnreachableError
from heliograph.graph.identifiers import is_identifier
from heliograph.storage.databases.backend import Backend, UndoneError
from heliograph.storage.databases.forks import close_while_forking
from heliograph.storage.databases.news import News
from heliograph.storage.databases.reading import Reading, Snapshot
from heliograph.storage.location import Location
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.soundness import UnsoundError

if TYPE_CHECKING:
    from sqlalchemy import Dialect

P = ParamSpec("P")
T = TypeVar("T")

_TRIES: Final = 5
_PATIENCE_SECONDS: Final = 30.0
"""How long a server may be away until that is an error."""
_FORK_SECONDS: Final = 5.0
"""A fork waits so long for those who write, and then for those who read: whoever forks may be one of them."""
_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


class Database:
    """One open database.

    Args:
        location: where it is.

    Attributes:
        news: of what is stored.

    Raises:
        StorageError: it can't be opened.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._backend = _backend_of(location)
        with self._translated():
            self._backend.open()
        # Writers of one process queue here, fairly; SQLite's own way to wait is to sleep and try again.
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        self._is_held = False  # `_writing`, by a fork
        self._is_leaving = threading.Event()
        self.news = News(self._backend.notifier, self.changes)
        close_while_forking(self)

    def read(self) -> AbstractContextManager[Connection]:
        """A connection on which each statement sees a snapshot of its own."""
        return Reading(self._backend, self._translate)

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A connection on which all statements see the same moment."""
        return Snapshot(self._backend, self._translate)

    @contextmanager
    def careful(self) -> Iterator[Connection]:
        """As `snapshot`, to look at what may be damaged: see `any_text`."""
        with self.snapshot() as connection, self.any_text(connection):
            yield connection

    @contextmanager
    def any_text(self, connection: Connection) -> Iterator[None]:
        """Damaged text comes as bytes meanwhile, where the driver else raises an error; that is slower."""
        self._backend.take_any_text(connection, True)
        try:
            yield
        finally:
            self._backend.take_any_text(connection, False)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end, undone by an exception.

        Whoever writes rows of a workflow locks it first: see `lock`.
        """
        with self._writing:
            connection = self._begun()
            try:
                yield connection
                self._backend.commit(connection)
            except BaseException as error:
                self._undo(connection, error)
                raise

    def written(self, work: Callable[[Connection], T], hopes: bool = False) -> T:
        """Do work within a transaction; again, where the database undid it for another one's sake.

        Args:
            work: what is to be done.
            hopes: as in `Backend.begin`.

        Raises:
            NotAsHopedError: what it expected of its statements did not come true; nothing is written.
        """
        tries = _TRIES
        while True:
            tries -= 1
            try:
                # As `write`, without what a context manager costs: each step of a chain waits for this.
                with self._writing:
                    connection = self._begun(hopes)
                    try:
                        done = work(connection)
                        self._backend.commit(connection)
                    except BaseException as error:
                        self._undo(connection, error)
                        raise
                    return done
            except UndoneError:
                if not tries:
                    raise

    def _begun(self, hopes: bool = False) -> Connection:
        """The writer, in a transaction."""
        try:
            connection = self._the_writer()
            self._backend.check()
        except Exception as error:
            self._translate(error)
            raise
        try:
            return self._backend.begin(connection, hopes)
        except BaseException as error:
            self._undo(connection, error)
            raise

    def _undo(self, connection: Connection, error: BaseException) -> None:
        self._backend.undo(connection)
        self._translate(error)

    def again(self, work: Callable[[], T]) -> T:
        """Do work; again, for a while, where the server went away meanwhile.

        Args:
            work: does no harm if it is done twice: nobody may ever know whether the first time succeeded.

        Raises:
            StorageError: as `work`; or the server does not come back.
        """
        try:
            return work()
        except StorageUnreachableError as error:
            return self.retried(work, error)

    def retried(self, work: Callable[[], T], error: StorageUnreachableError) -> T:
        """As `again`, after a first time that ended with this error."""
        # From here on, not from before: one who was stopped in a transaction for as long tries again too.
        pauses, end = iter(_PAUSES), time.monotonic() + _PATIENCE_SECONDS
        while True:
            if time.monotonic() > end or self._is_leaving.wait(next(pauses, _PAUSES[-1])):
                raise error
            try:
                return work()
            except StorageUnreachableError as failed:
                error = failed

    def lose_patience(self) -> None:
        """From now on a server that is away is an error at once: somebody wants to leave."""
        self._is_leaving.set()

    @property
    def kind(self) -> str:
        """As `Backend.kind`."""
        return self._backend.kind

    @property
    def dialect(self) -> Dialect:
        """As `Backend.dialect`."""
        return self._backend.dialect

    def tables(self, connection: Connection) -> set[str]:
        """As `Backend.tables`."""
        return self._backend.tables(connection)

    @property
    def is_remote(self) -> bool:
        """Whether it is a server, which may go away in the middle of anything."""
        return self._backend.is_remote

    def now(self) -> float:
        """Unix seconds by the clock that all who use the database share; leases are measured by it."""

        def now() -> float:
            with self._translated():
                return self._backend.now()

        return self.again(now)

    def lock(
        self,
        connection: Connection,
        keys: Collection[int] = (),
        ids: Collection[str] = (),
        new: Collection[str] = (),
        queue: bool = False,
    ) -> None:
        """Until the transaction ends, let nobody else write of workflows with these keys or ids.

        What is read after this, and belongs to them, stays so. All at once: a second call could wait for
        one who waits for the first.

        Args:
            connection: of the transaction.
            keys: of workflows.
            ids: of workflows.
            new: of workflows that the transaction will store.
            queue: how many run or wait, over all engines, decides something: nobody else may decide by it.
        """
        if queue:
            self._backend.lock_queue(connection)
        self._backend.lock(connection, keys, ids, new)

    def new_key(self) -> int:
        """As `Backend.new_key`."""
        with self.read() as connection:
            return self._backend.new_key(connection)

    def drop_keys(self) -> None:
        """As `Backend.drop_keys`."""
        self._backend.drop_keys()

    def apart(self, connection: Connection) -> None:
        """As `Backend.apart`."""
        self._backend.apart(connection)

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

    def together(self, connection: Connection, *, last: bool = False) -> AbstractContextManager[None]:
        """In a snapshot, what is asked meanwhile goes to a server in one trip; to be read only afterwards.

        Args:
            connection: of the snapshot.
            last: nothing more is asked on it.
        """
        return self._backend.together(connection, last)

    @contextmanager
    def keeping_plans(self, connection: Connection) -> Iterator[None]:
        """In a snapshot, plans of what is asked meanwhile are kept for reuse; see `Backend.keep_plans`."""
        self._backend.keep_plans(connection, True)
        try:
            yield
        finally:
            self._backend.keep_plans(connection, False)

    def problems(self, connection: Connection) -> tuple[str, ...]:
        """Damages, as far as the database can tell."""
        return self._backend.problems(connection)

    def explained(self, connection: Connection, sql: str, values: Any) -> list[str]:
        """How the database goes about a query with these values."""
        return self._backend.explained(connection, sql, values)

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
            self._writer = self._backend.connect()
        return self._writer

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._backend.release(self._writer)
            self._writer = None

    def let_go(self) -> None:
        """As `Openable.let_go`."""
        # A server's connections stay as they are, and so nobody need wait for a commit there.
        self._is_held = not self.is_remote and self._writing.acquire(timeout=_FORK_SECONDS)
        if self._is_held:
            self._drop_writer()
        self._backend.let_go(_FORK_SECONDS)

    def go_on(self) -> None:
        """As `Openable.go_on`."""
        self._backend.go_on()
        if self._is_held:
            self._is_held = False
            self._writing.release()

    def close(self) -> None:
        """Close all connections."""
        self.news.close()
        with self._writing:
            self._drop_writer()
        self._backend.close()

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
            case Exception() if hasattr(error, "orig"):  # SQLAlchemy's, which has the driver's
                raise self._backend.translated(error.orig) from error
            case self._backend.driver_error():
                raise self._backend.translated(error) from error
            case UnicodeDecodeError():  # what SQLite says of a damaged schema holds pieces of it
                raise StorageCorruptError(f"storage {self.location.shown}: {error}") from error
            case UnsoundError():
                raise self.damage(error) from error
            case OSError():
                raise StorageError(f"storage {self.location.shown}: {error.strerror or error}") from error

    def damage(self, row: UnsoundError) -> StorageCorruptError:
        """What a row that is not sound means to a user, and the way out."""
        workflow_id = row.workflow_id
        if workflow_id is None and row.key is not None:
            workflow_id = self._id_of(row.key)
        if workflow_id is not None and not is_identifier(workflow_id):
            workflow_id = None  # nothing can be done by it
        return StorageCorruptError.of_row(row.table, row.what, workflow_id, self.location.shown)

    def _id_of(self, key: int) -> str | None:
        """The id of a workflow, for an error; None: that can't be read either."""
        with contextlib.suppress(StorageError), self.read() as connection:
            asked = statements(self.kind, "database").id.ask(connection, damaged=key)
            found: str | None = asked.scalar_one_or_none()
            return found
        return None


class _Room(Protocol):
    _database: Database


R = TypeVar("R", bound=_Room)


def patient(method: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """A method that may be done twice is done again where the server went away; see `Database.again`."""

    def done(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except StorageUnreachableError as error:
            return self._database.retried(lambda: method(self, *args, **kwargs), error)

    functools.update_wrapper(done, method)
    return done


def _backend_of(location: Location) -> Backend:
    """The one for a location.

    Raises:
        StorageError: a package that it needs is missing.
    """
    # Only the one that is used costs its import.
    if location.path is not None:
        from heliograph.storage.databases.sqlite import SQLite

        return SQLite(location, location.path)
    from heliograph.storage.databases.postgresql import PostgreSQL

    return PostgreSQL(location)
