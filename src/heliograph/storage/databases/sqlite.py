"""What is SQLite's own: how it is opened, how a transaction begins, what its errors mean."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from heliograph.errors import StorageCorruptError, StorageError
from heliograph.storage.databases.backend import NotAsHopedError
from heliograph.storage.databases.idle import IdleConnections
from heliograph.storage.databases.news import Notice
from heliograph.storage.databases.sqlite_transaction import MISSED, Gathered, ProgrammedConnection
from heliograph.storage.location import Location
from heliograph.storage.statements.connection import Connection

if TYPE_CHECKING:
    from sqlalchemy import Dialect

    from heliograph.storage.databases.alchemy import Alchemy

_BUSY_SECONDS: Final = 60.0
_TURN_SECONDS: Final = 0.002
_LOOK_SECONDS: Final = 0.001
_NO_TRIP: Final = contextlib.nullcontext()
_STATEMENTS: Final = 256
_LOG_BYTES: Final = 1_000 * 4_096  # SQLite starts over at the beginning of the log after so many pages
_SPARE_BYTES: Final = 64 * 1024 * 1024  # a disk with less has no room to give away
_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_BREATH: Final = 100_000  # steps of SQLite's machine after which it is seen whether a query was given up

Table = tuple[list[str], list[tuple[Any, ...]]]


class SQLite:
    """A database in a file; see `Backend`.

    Args:
        location: of the storage.
        path: of the file.
    """

    kind = "sqlite"
    is_remote = False
    driver_error: type[Exception] = sqlite3.Error

    def __init__(self, location: Location, path: Path) -> None:
        self._location = location
        self._path = path
        self._name = os.fspath(path)  # once: it is looked at with every commit
        self._identity: tuple[int, int] | None = None  # tells the file from another one under its name
        self._look_after = 0.0  # at the file, where somebody only reads
        self._opening = threading.Lock()
        self._is_held = False  # that lock, by a fork
        self._idle = IdleConnections()
        self._used: set[object] = set()  # connections that somebody has
        self._forks = 0

    def open(self) -> None:
        """Folder and file are made where there are none."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.release(self.connect())
        status = os.stat(self._name)
        self._identity = status.st_dev, status.st_ino

    def close(self) -> None:
        """As `Backend.close`."""
        self._idle.close()

    def connect(self) -> Connection:
        """As `Backend.connect`."""
        with self._opening:
            connection = self._idle.take() or self._opened()
            self._used.add(connection)
        return connection

    def _opened(self) -> Connection:
        raw = sqlite3.connect(
            self._name,
            timeout=_BUSY_SECONDS,
            isolation_level=None,  # no transactions but those that are begun by name
            check_same_thread=False,
            cached_statements=_STATEMENTS,
            factory=ProgrammedConnection,
        )
        try:
            _configure(raw)
        except BaseException:
            raw.close()
            raise
        return Connection(raw, lambda: self._alchemy.over(raw))

    def release(self, connection: Connection) -> None:
        """As `Backend.release`."""
        self._idle.put(connection)
        self._used.discard(connection)

    def abandon(self, connection: Connection) -> None:
        """As `Backend.abandon`; a statement that was not read to its end is over only when this is closed."""
        connection.close()
        self._used.discard(connection)

    def let_go(self, seconds: float) -> None:
        """As `Backend.let_go`."""
        self._is_held = self._opening.acquire()
        end = time.monotonic() + seconds
        while self._used and time.monotonic() < end:
            time.sleep(0.001)
        self._idle.clear()

    def go_on(self) -> None:
        """As `Backend.go_on`."""
        self._forks += 1
        if self._is_held:
            self._is_held = False
            self._opening.release()

    @functools.cached_property
    def _alchemy(self) -> Alchemy:
        # Late: what only runs workflows never needs it.
        from heliograph.storage.databases.alchemy import Alchemy

        return Alchemy("sqlite://", lambda: sqlite3.connect(":memory:"))

    @property
    def dialect(self) -> Dialect:
        """As `Backend.dialect`."""
        return self._alchemy.dialect

    def tables(self, connection: Connection) -> set[str]:
        """As `Backend.tables`."""
        found = connection.raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in found}

    def is_good(self, connection: Connection) -> bool:
        """Always: no server can end it."""
        return True

    def now(self) -> float:
        """All who use it are on this machine."""
        return time.time()

    def notifier(self, receive: Callable[[Notice], None]) -> None:
        """There is none: those who wait ask for `changes`, which costs microseconds."""

    def check(self) -> None:
        """As `Backend.check`: what is written to another file of the name would be lost."""
        try:
            status = os.stat(self._name)
        except FileNotFoundError as error:
            raise StorageError(
                f"storage {self._path} was removed while it was in use: put it back, and start again"
            ) from error
        if (status.st_dev, status.st_ino) != self._identity:
            raise StorageError(f"storage {self._path} was replaced while it was in use: start again")

    def check_now_and_then(self) -> None:
        """As `Backend.check_now_and_then`: to look takes a tenth of what a small question takes."""
        if (now := time.monotonic()) > self._look_after:
            self.check()
            self._look_after = now + _LOOK_SECONDS

    def begin(self, connection: Connection, hopes: bool) -> Connection:
        """Taking the write lock at once, a transaction can't find half-way that another got in between."""
        if hopes:
            return self._gathered(connection)
        connection.raw.execute("BEGIN IMMEDIATE")
        return connection

    def _gathered(self, connection: Connection) -> Connection:
        gathered = Gathered(connection.raw)

        def settled() -> Any:
            gathered.settle()
            return connection.alchemy

        return Connection(gathered, settled)

    def begin_snapshot(self, connection: Connection) -> None:
        """In WAL mode every transaction reads from one moment."""
        connection.raw.execute("BEGIN")

    def together(self, connection: Connection, last: bool) -> AbstractContextManager[None]:
        """There is no server to go to."""
        return _NO_TRIP

    def take_any_text(self, connection: Connection, wanted: bool) -> None:
        """As `Backend.take_any_text`; a function of Python's for each text is slow."""
        connection.raw.text_factory = _text_if_it_is if wanted else str

    def keep_plans(self, connection: Connection, wanted: bool) -> None:
        """It keeps them anyway: it never plans for values."""

    def end_snapshot(self, connection: Connection) -> None:
        """As `Backend.end_snapshot`."""
        self.commit(connection)

    def commit(self, connection: Connection) -> None:
        """As `Backend.commit`."""
        if isinstance(connection.raw, Gathered):
            connection.raw.commit()
        else:
            connection.raw.execute("COMMIT")

    def undo(self, connection: Connection) -> None:
        """As `Backend.undo`."""
        if connection.raw.in_transaction:
            connection.raw.execute("ROLLBACK")

    def new_key(self, connection: Connection) -> int:
        """The next one: another process may get it first."""
        last = "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'workflows'"
        (key,) = connection.raw.execute(last).fetchone() or (1,)
        return int(key)

    def drop_keys(self) -> None:
        """None is set aside."""

    def apart(self, connection: Connection) -> None:
        """One change follows the other."""

    def lock(
        self, connection: Connection, keys: Collection[int], ids: Collection[str], new: Collection[str]
    ) -> None:
        """Nothing to do: whoever writes has locked the whole file."""

    def lock_queue(self, connection: Connection) -> None:
        """Nothing to do: whoever writes has locked the whole file."""

    def lock_schema(self, connection: Connection) -> None:
        """Nothing to do: whoever writes has locked the whole file."""

    def changes(self, connection: Connection) -> int:
        """As `Backend.changes`; asking costs microseconds."""
        # Each connection counts by itself, and the one that is asked is closed by a fork.
        (counted,) = connection.raw.execute("PRAGMA data_version").fetchone()
        return int(counted) + (self._forks << 32)

    def make_room(self) -> None:
        """Give the write-ahead log the length that it grows to anyway.

        A commit that makes the log longer costs twice as much as one that writes over an old part of it,
        since the file system has to write down the new length too. What is written here is rolled back: it
        only takes up room. Pages spill into the log, since this connection may keep next to none of them in
        memory.
        """
        log = self._path.with_name(f"{self._path.name}-wal")
        with contextlib.closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            is_long = log.stat().st_size >= _LOG_BYTES
            disk = os.statvfs(self._path.parent)
            if is_long or disk.f_bavail * disk.f_frsize < _SPARE_BYTES:
                return
            for statement in (
                "PRAGMA cache_size=8",
                "BEGIN IMMEDIATE",
                "CREATE TABLE room (bytes BLOB)",
                f"INSERT INTO room VALUES (zeroblob({_LOG_BYTES}))",
                "ROLLBACK",
            ):
                connection.execute(statement)
        file = os.open(log, os.O_RDWR)
        try:
            os.fsync(file)  # here, where nobody waits, and not in the next commit
        finally:
            os.close(file)

    def problems(self, connection: Connection) -> tuple[str, ...]:
        """As `Backend.problems`; of a large database that takes seconds."""
        said = connection.raw.execute("PRAGMA quick_check(10)")
        return tuple(line for (line,) in said if line != "ok")

    def explained(self, connection: Connection, sql: str, values: Any) -> list[str]:
        """As `Backend.explained`."""
        return [row[3] for row in connection.raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    def ask(self, query: str, limit: int | None) -> Table:
        """As `Backend.ask`, in a thread of its own.

        What a signal's handler raises in the main thread, as Ctrl-C does, would come out in a function that
        SQLite calls: it takes that for a refusal, or an interruption of its own, and drops it.
        """
        from concurrent.futures import Future  # late: what only runs workflows never needs it

        answer: Future[Table] = Future()
        given_up = threading.Event()

        def find() -> None:
            try:
                answer.set_result(self._answer(query, limit, given_up))
            except BaseException as error:
                answer.set_exception(error)

        thread = threading.Thread(target=find, name="heliograph-sql", daemon=True)
        try:
            thread.start()
            thread.join()
        except BaseException:
            given_up.set()
            raise
        return answer.result()

    def _answer(self, query: str, limit: int | None, given_up: threading.Event) -> Table:
        """See `ask`: on a connection that may not write, unless and until it is given up."""
        with self._opening:
            connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=_BUSY_SECONDS
            )
            self._used.add(connection)
        with contextlib.ExitStack() as closing:
            closing.callback(self._used.discard, connection)
            closing.callback(connection.close)
            connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
            connection.set_authorizer(_authorized)
            connection.set_progress_handler(given_up.is_set, _BREATH)
            try:
                cursor = connection.execute(query)
                if cursor.description is None:
                    raise ValueError("an SQL query has to be a SELECT: nothing can be changed here")
                rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
            except sqlite3.Error as error:
                raise ValueError(_told(error)) from error
        return [column[0] for column in cursor.description], rows

    def translated(self, error: BaseException | None) -> StorageError:
        """As `Backend.translated`."""
        text = str(error)
        where = f"storage {self._path}"
        if text == MISSED or "UNIQUE constraint failed" in text:  # a row that is there already
            return NotAsHopedError(f"{where}: {text}")
        if "not a database" in text or "malformed" in text or "Could not decode" in text:
            return StorageCorruptError(f"{where}: {text}. Name another file, or put a backup in its place.")
        if "full" in text:
            return StorageError(f"{where}: {text}. Free some space, then resume the workflows.")
        if "readonly" in text or "unable to open" in text:
            return StorageError(f"{where} can't be written: {text}. Check its folder and permissions.")
        if "locked" in text or "busy" in text:
            return StorageError(f"{where} was locked by another process for {_BUSY_SECONDS:.0f} s: {text}.")
        return StorageError(f"{where}: {text}")


def _configure(connection: sqlite3.Connection) -> None:
    """WAL lets readers read while one writes; ``synchronous=FULL`` makes a commit survive a power cut."""
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Make the file one with a write-ahead log, if it is none yet.

    Of two that do so at once, SQLite refuses one without having it wait: each reads the file and wants to be
    the only one that does, and so neither could wait for the other.
    """
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_TURN_SECONDS)
        else:
            return


def _text_if_it_is(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _authorized(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _told(error: sqlite3.Error) -> str:
    text = str(error)
    if "not authorized" in text or "prohibited" in text or "readonly" in text:
        return f"SQL: {text}: a query may only read; nothing can be changed here"
    return f"SQL: {text}"
