"""A database file saved to another one while it is in use, by SQLite's own means."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from heliograph.errors import StorageError
from heliograph.storage.values.folder import sync

_PAGES: Final = 4_096  # between two words on how far it is


def save(path: Path, target: Path, told: Callable[[int, int], None] = lambda _done, _all: None) -> None:
    """Write what the database holds at this moment to another file: whole, or not at all.

    Others may go on writing meanwhile; what they write is not in it.

    Args:
        path: of the database.
        target: where there is no file yet.
        told: is told how many pages are done, and how many there are.

    Raises:
        StorageError: it can't be written.
    """
    temporary = target.with_name(f"{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in (temporary, *_logs(temporary), *_logs(target)):  # of a try that was cut short
            left.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as source:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on, one moment
            with contextlib.closing(sqlite3.connect(temporary)) as made:
                source.backup(made, pages=_PAGES, progress=lambda _, left, total: told(total - left, total))
        sync(temporary)
        os.replace(temporary, target)
        sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(f"storage {path} can't be saved to {target}: {error}") from error


def _logs(path: Path) -> list[Path]:
    """The files that SQLite keeps beside a database, and would take for those of another one of its name."""
    return [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm", "-journal")]
