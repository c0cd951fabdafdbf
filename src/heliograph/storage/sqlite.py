"""What is SQLite's own: how it is opened, how a transaction begins, what its errors mean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from heliograph.errors import StorageCorruptError, StorageError
from heliograph.storage.location import Location

# Taking the write lock at once, a transaction can't find half-way that another one got in between.
BEGIN_WRITE: Final = "BEGIN IMMEDIATE"

DRIVER_ERROR: Final = sqlite3.Error

_BUSY_SECONDS: Final = 60.0
_POOLED: Final = 8
_LOG_BYTES: Final = 1_000 * 4_096  # SQLite starts over at the beginning of the log after so many pages


def engine(location: Location) -> Engine:
    """An engine on the file; folder and file are made where there are none.

    WAL lets readers read while one writes; ``synchronous=FULL`` makes a commit survive a power cut.
    """
    if location.path is not None:
        location.path.parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(
        location.url,
        poolclass=QueuePool,
        pool_size=_POOLED,
        max_overflow=-1,
        pool_reset_on_return=None,  # statements outside of a transaction leave nothing to roll back
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False, "cached_statements": 256},
    )
    event.listen(made, "connect", _configure)
    with made.connect():
        pass
    return made


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # no transactions but those that are begun by name
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "mmap_size=268435456"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def lengthen_log(location: Location) -> None:
    """Give the write-ahead log the length that it grows to anyway.

    A commit that makes the log longer costs twice as much as one that writes over an old part of it, since
    the file system has to write down the new length too. What is written here is rolled back: it only takes
    up room. Pages spill into the log, since this connection may keep next to none of them in memory.
    """
    if location.path is None:
        return
    log = location.path.with_name(f"{location.path.name}-wal")
    with contextlib.closing(sqlite3.connect(location.path, timeout=0, isolation_level=None)) as connection:
        if log.stat().st_size >= _LOG_BYTES:
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


def identity(location: Location) -> tuple[int, int] | None:
    """Tells the database file from another one under its name; None: it is not in a file.

    Raises:
        StorageError: there is no file any more.
    """
    if location.path is None:
        return None
    try:
        status = os.stat(location.path)
    except FileNotFoundError as error:
        raise StorageError(
            f"storage {location.path} was removed while it was in use: put it back, and start again"
        ) from error
    return status.st_dev, status.st_ino


def execute(connection: Connection, sql: str) -> None:
    """Run a statement without parameters or rows."""
    connection.connection.cursor().execute(sql)


def undo(connection: Connection) -> None:
    """Roll back, where the failed statement has not done so already."""
    raw = connection.connection.dbapi_connection
    if raw is not None and getattr(raw, "in_transaction", False):
        execute(connection, "ROLLBACK")


def changes_elsewhere(connection: Connection) -> int:
    """A number that changes when another connection commits; asking costs microseconds."""
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


def translated(error: BaseException | None, location: Location) -> StorageError:
    """What an error of the driver means to a user, and the way out."""
    text = str(error)
    where = f"storage {location.path or location.url}"
    if "not a database" in text or "malformed" in text:
        return StorageCorruptError(f"{where}: {text}. Name another file, or put a backup in its place.")
    if "full" in text:
        return StorageError(f"{where}: {text}. Free some space, then resume the workflows.")
    if "readonly" in text or "unable to open" in text:
        return StorageError(f"{where} can't be written: {text}. Check its folder and permissions.")
    if "locked" in text or "busy" in text:
        return StorageError(f"{where} was locked by another process for {_BUSY_SECONDS:.0f} s: {text}.")
    return StorageError(f"{where}: {text}")
