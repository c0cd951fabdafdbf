"""What is PostgreSQL's own: how it is reached, what is locked, what its errors mean.

Here many write at once. What makes it as safe as one writer at a time is a rule: whoever writes rows of a
workflow first locks that workflow's row in `workflows`; see decision 0010.
"""

from __future__ import annotations

import contextlib
import functools
import re
import select
import time
import zlib
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from heliograph.errors import StorageError, StorageUnreachableError
from heliograph.storage.databases.backend import NotAsHopedError, UndoneError
from heliograph.storage.databases.clocks import ServerClock
from heliograph.storage.databases.idle import IdleConnections
from heliograph.storage.databases.news import Notice, Notifier
from heliograph.storage.location import Location
from heliograph.storage.statements.connection import Connection

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
except ImportError as missing:
    raise StorageError(
        f"a storage on PostgreSQL needs a package that is not there ({missing}): "
        "pip install 'heliograph[postgres]'"
    ) from missing

from heliograph.storage.databases.postgresql_keys import KeysAside
from heliograph.storage.databases.postgresql_notifier import PostgreSQLNotifier
from heliograph.storage.databases.postgresql_transaction import TerseConnection

if TYPE_CHECKING:
    from sqlalchemy import Dialect

    from heliograph.storage.databases.alchemy import Alchemy

_OLDEST: Final = 16
_PREPARED_AFTER: Final = 1
"""Times that a statement is run before its plan is kept."""
_PATIENCE: Final = {
    "connect_timeout": 10,
    # A server that is cut off says nothing: else it would be waited for for hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_SETTINGS: Final = {
    # A process that is stopped within a transaction must not keep others from taking its workflows over.
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "60s",
}
_STARTING: Final = "the database system is"  # starting up, or shutting down
_STARTING_SECONDS: Final = 30.0
_TIME: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
_TABLES: Final = """
    SELECT relname FROM pg_catalog.pg_class
    WHERE relkind IN ('r', 'p') AND relpersistence <> 't'
    AND relnamespace <> 'pg_catalog'::regnamespace AND pg_catalog.pg_table_is_visible(oid)
"""
_SCHEMA_LOCK: Final = 0x68656C696F  # any number that nobody else is likely to take
_QUEUE_LOCK: Final = 0x68656C6970  # likewise
_NEW: Final = 0x68656C69  # likewise
_LOCK: Final = (
    "SELECT key FROM workflows WHERE key = ANY(%(keys)s) OR workflow_id = ANY(%(ids)s) "
    "ORDER BY key FOR UPDATE"
)
_NEW_LOCKS: Final = 64  # a server has room for some thousands of locks
_LOCK_NEW: Final = f"SELECT pg_advisory_xact_lock({_NEW}, number) FROM unnest(%(numbers)s::int[]) AS number"
_LOCK_BY_KEY: Final = "SELECT key FROM workflows WHERE key = ANY(%(keys)s) ORDER BY key FOR UPDATE"


class PostgreSQL:
    """A database on a server; see `Backend`.

    Args:
        location: of the storage.
    """

    kind = "postgresql"
    driver_error: type[Exception] = psycopg.Error
    is_remote = True

    def __init__(self, location: Location) -> None:
        self._location = location
        self._snapshot_seen = ""
        self._changes = 0
        self._idle = IdleConnections()
        self._keys = KeysAside()
        self._clock = ServerClock(self._asked_time, psycopg.Error)
        try:
            self._given = conninfo_to_dict(location.url)
        except psycopg.Error:
            # Not from the error: it quotes what it can't read, which may be a part of the password.
            raise ValueError(
                f"storage {location.shown!r} is no PostgreSQL URL: it should read postgresql://user:password"
                "@host:port/database, with %-codes for special characters (a / is %2F, an @ is %40)"
            ) from None

    def open(self) -> None:
        """The server's database has to be there."""
        self.release(self.connect())

    def close(self) -> None:
        """As `Backend.close`."""
        self._idle.close()

    def connect(self) -> Connection:
        """As `Backend.connect`; one that the server closed meanwhile is passed over."""
        while (kept := self._idle.take()) is not None:
            if self.is_good(kept):
                return kept
            kept.close()
        raw = self._connect()
        return Connection(raw, lambda: self._alchemy.over(raw))

    def release(self, connection: Connection) -> None:
        """As `Backend.release`."""
        if connection.raw.closed:
            connection.close()
        else:
            self._idle.put(connection)

    @functools.cached_property
    def _alchemy(self) -> Alchemy:
        # Late: what only runs workflows never needs it.
        from heliograph.storage.databases.alchemy import Alchemy

        return Alchemy("postgresql+psycopg://", self._connect, use_native_hstore=False)

    def abandon(self, connection: Connection) -> None:
        """As `Backend.abandon`."""
        self.undo(connection)
        self.release(connection)

    def let_go(self, seconds: float) -> None:
        """Connections are told apart by process, and a child closes none of its parent's; keys are not."""
        self._keys.drop()

    def go_on(self) -> None:
        """As `Backend.go_on`."""

    @property
    def dialect(self) -> Dialect:
        """As `Backend.dialect`."""
        return self._alchemy.dialect

    def tables(self, connection: Connection) -> set[str]:
        """As `Backend.tables`."""
        return {name for (name,) in connection.raw.execute(_TABLES)}

    def notifier(self, receive: Callable[[Notice], None]) -> Notifier:
        """As `Backend.notifier`."""
        return PostgreSQLNotifier(self._connect, receive)

    def now(self) -> float:
        """By the server's clock: those of the machines may differ."""
        return self._clock.now()

    def _asked_time(self) -> float:
        connection = self.connect()
        try:
            return float(connection.raw.execute(_TIME).fetchone()[0])
        finally:
            self.release(connection)

    def _connect(self) -> psycopg.Connection[Any]:
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        given: dict[str, Any] = {"application_name": "heliograph", **_PATIENCE}
        given |= self._given
        given["options"] = f"{options} {self._given.get('options') or ''}"
        given["client_encoding"] = "utf8"
        connection = self._reached(given)
        connection.prepare_threshold = _PREPARED_AFTER
        version = connection.info.server_version // 10_000
        if version < _OLDEST:
            connection.close()
            raise StorageError(
                f"storage {self._location.shown} is PostgreSQL {version}: heliograph needs {_OLDEST} or newer"
            )
        return connection

    def _reached(self, given: dict[str, Any]) -> psycopg.Connection[Any]:
        """A connection; a server that is there and just starts, or is just being restarted, is waited for."""
        end = time.monotonic() + _STARTING_SECONDS
        while True:
            try:
                return TerseConnection.connect(**given, autocommit=True)
            except psycopg.OperationalError as error:
                if _STARTING not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def check(self) -> None:
        """A server's database does not change under a connection to it."""

    def check_now_and_then(self) -> None:
        """As `check`."""

    def is_good(self, connection: Connection) -> bool:
        """Whether the server has not closed the connection meanwhile; asked without a trip to it."""
        return _is_good(connection.raw)

    def begin(self, connection: Connection, hopes: bool) -> Connection:
        """Each statement of it sees what was committed before that statement."""
        connection.raw.begin()
        return connection

    def begin_snapshot(self, connection: Connection) -> None:
        """As `Backend.begin_snapshot`; what is asked on it is planned for its values, each time.

        A plan that is kept is one for any workflow. Most have few tasks, so it would read all of them where a
        page is wanted: of one that has 200,000, for seconds.
        """
        self.keep_plans(connection, False)
        connection.raw.begin_snapshot()

    def together(self, connection: Connection, last: bool) -> AbstractContextManager[None]:
        """As `Backend.together`."""
        together: AbstractContextManager[None] = connection.raw.together(last)
        return together

    def take_any_text(self, connection: Connection, wanted: bool) -> None:
        """Nothing to do: the server takes no damaged text."""

    def keep_plans(self, connection: Connection, wanted: bool) -> None:
        """As `Backend.keep_plans`: for a small question, to plan takes longer than to answer."""
        connection.raw.prepare_threshold = _PREPARED_AFTER if wanted else None

    def end_snapshot(self, connection: Connection) -> None:
        """As `Backend.end_snapshot`; after a rollback, the driver would forget all plans that were kept."""
        connection.raw.end_snapshot()
        connection.raw.prepare_threshold = _PREPARED_AFTER

    def commit(self, connection: Connection) -> None:
        """As `Backend.commit`."""
        connection.raw.commit_all()

    def undo(self, connection: Connection) -> None:
        """As `Backend.undo`; a connection that is lost undid it by that, and so does one that is closed."""
        raw = connection.raw
        raw.prepare_threshold = _PREPARED_AFTER
        raw.give_up()
        if raw.is_torn:
            raw.close()
        elif not raw.closed and raw.info.transaction_status != TransactionStatus.IDLE:
            with contextlib.suppress(psycopg.Error):
                raw.rollback()

    def new_key(self, connection: Connection) -> int:
        """The next of those that were set aside for this process."""
        return self._keys.next(connection.raw)

    def drop_keys(self) -> None:
        """As `Backend.drop_keys`."""
        self._keys.drop()

    def apart(self, connection: Connection) -> None:
        """As `Backend.apart`."""
        connection.raw.apart()

    def lock(
        self, connection: Connection, keys: Collection[int], ids: Collection[str], new: Collection[str]
    ) -> None:
        """Lock the workflows' rows, in the order of their keys: so locking several meets no deadlock.

        What isn't stored yet has no row to lock: numbers made of the ids stand for them. One id needs none,
        since who stores one waits for nobody who waits for it.
        """
        if len(new) > 1:
            numbers = sorted({zlib.crc32(name.encode()) % _NEW_LOCKS for name in new})
            connection.raw.execute(_LOCK_NEW, {"numbers": numbers})
        if ids:
            connection.raw.execute(_LOCK, {"keys": list(keys), "ids": list(ids)})
        elif keys:
            connection.raw.execute(_LOCK_BY_KEY, {"keys": list(keys)})

    def lock_queue(self, connection: Connection) -> None:
        """As `Backend.lock_queue`."""
        connection.raw.execute(f"SELECT pg_advisory_xact_lock({_QUEUE_LOCK})")

    def lock_schema(self, connection: Connection) -> None:
        """As `Backend.lock_schema`."""
        connection.raw.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")

    def changes(self, connection: Connection) -> int:
        """As `Backend.changes`; it differs after one's own commits too.

        The server's list of transactions that began and ended: while it reads the same, nobody committed.
        Asking takes no lock and touches no table; a NOTIFY with every commit would make them queue.
        """
        (seen,) = connection.raw.execute("SELECT pg_current_snapshot()::text").fetchone()
        if seen != self._snapshot_seen:
            self._snapshot_seen = seen
            self._changes += 1
        return self._changes

    def make_room(self) -> None:
        """The server keeps its log's files for the next use by itself."""

    def problems(self, connection: Connection) -> tuple[str, ...]:
        """The server checks each page as it reads it, and has no check of all that anybody may ask for."""
        return ()

    def explained(self, connection: Connection, sql: str, values: Any) -> list[str]:
        """As `Backend.explained`."""
        return [str(row[0]) for row in connection.raw.execute(f"EXPLAIN {sql}", values)]

    def ask(self, query: str, limit: int | None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """As `Backend.ask`: a cursor's query can only be one SELECT, and its transaction can't write."""
        number = "ALL" if limit is None else str(int(limit))
        with contextlib.closing(self._connect()) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                text = f"DECLARE asked NO SCROLL CURSOR FOR {query.strip().rstrip(';')}"
                # Prepared, so that the server takes one statement and no second one behind it.
                connection.execute(text.encode(), prepare=True)
                found = connection.execute(f"FETCH FORWARD {number} FROM asked".encode())
                rows = found.fetchall()
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                raise ValueError(_told(error)) from error
            names = [column.name for column in found.description or ()]
            return names, [tuple(map(_plain, row)) for row in rows]

    def translated(self, error: BaseException | None) -> StorageError:
        """As `Backend.translated`."""
        text = " ".join(_HINT.sub("", str(error)).split())
        where = f"storage {self._location.shown}"
        state = getattr(error, "sqlstate", None) or ""
        if state in ("40P01", "40001"):
            return UndoneError(f"{where}: {text}")
        if state in ("22012", "23505"):  # see `TerseConnection.expect_one`; a row that is there already
            return NotAsHopedError(f"{where}: {text}")
        for sign, means in _MEANINGS.items():
            if state == sign or (not state and sign in text):
                kind = StorageUnreachableError if sign in _PASSING else StorageError
                return kind(f"{where}{means.format(text)}")
        if state.startswith(("57P", "08")) or (not state and isinstance(error, psycopg.OperationalError)):
            return StorageUnreachableError(
                f"{where} can't be reached: {text}. Look whether the server runs, then resume the workflows."
            )
        return StorageError(f"{where}: {text}")


_PASSWORD: Final = (
    ": the server refused user or password. Check them in the URL, or PGUSER and PGPASSWORD. ({})"
)
_HINT: Final = re.compile(r"\s+Is the server running[^?]*\?")  # of libpq's: ours follows
_NO_DATABASE: Final = ": there is no such database. Make it (createdb), or name another one. ({})"
_FULL: Final = ("53300", "too many clients", "too many connections", "connection slots are reserved")
_NO_CONNECTION: Final = (
    ": the server has no connection left: {}. Raise that limit (max_connections, or the role's or database's "
    "own), or end other programs."
)
_NO_RIGHT: Final = " can't be used: {}. Grant the user what is missing, or name another user."
_MEANINGS: Final = {
    # Those of roles and databases name one, which the signs below would take for a wrong one.
    **dict.fromkeys(_FULL, _NO_CONNECTION),
    "permission denied": _NO_RIGHT,
    "28P01": _PASSWORD,
    "28000": _PASSWORD,
    "authentication failed": _PASSWORD,
    "no password supplied": _PASSWORD,
    "3D000": _NO_DATABASE,
    'role "': _PASSWORD,
    '" does not exist': _NO_DATABASE,
    "53100": ": the server's disk is full: {}. Free some space there, then resume the workflows.",
    "25006": (
        " can't be written: {}. It is read-only: name the primary server, if that is a standby, or a user "
        "and a database without default_transaction_read_only."
    ),
    "3F000": ": there is no schema to use: {}. Set the user's search_path to one that is there (public).",
    "57014": (
        ": the server broke a statement off: {}. Raise the user's statement_timeout, if that is why, then "
        "resume the workflows."
    ),
    "42501": _NO_RIGHT,
    "unsupported startup parameter": (
        " can't be used through this pooler: {}. In pgbouncer set ignore_startup_parameters = options, and "
        "pool_mode = session."
    ),
    "42P05": (
        " can't be used through a pooler of transactions: {}. Have it keep a connection for a session: in "
        "pgbouncer, pool_mode = session."
    ),
    "25P03": ": a transaction stood still for too long, so the server ended it: {}. Resume the workflows.",
    "55P03": ": rows were locked by another process for too long: {}. Resume the workflows.",
}
"""What errors mean, by the server's code or, where it could not be asked, by what libpq says."""
_PASSING: Final = frozenset({*_FULL, "25P03"})
"""Which of them may be gone in a moment."""


def _is_good(raw: psycopg.Connection[Any]) -> bool:
    if raw.closed:
        return False
    # Nothing was asked, so nothing should be there to be read, unless it is the server's last word.
    waiting = select.poll()
    waiting.register(raw.fileno(), select.POLLIN)
    if waiting.poll(0):
        try:
            raw.execute("SELECT 1")
        except psycopg.Error:
            return False
    return True


def _plain(value: Any) -> Any:
    """A value as SQLite has them, or text: what JSON and tables can hold.

    >>> [_plain(value) for value in (Decimal("1.50"), Decimal(10**20), [Decimal("2")])]
    [1.5, 100000000000000000000, [2]]
    """
    match value:
        case None | bool() | int() | float() | str() | bytes() | dict():
            return value
        case Decimal():
            return int(value) if value.is_finite() and value == int(value) else float(value)
        case list() | tuple():
            return [_plain(item) for item in value]
    return str(value)


def _told(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error)
    if "read-only" in text or "cannot insert multiple commands" in text or "syntax error" in text:
        return f"SQL: {text}: a query is one SELECT; nothing can be changed here"
    return f"SQL: {text}"
