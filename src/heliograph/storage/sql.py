"""Questions in SQL, asked on a connection that can change nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from heliograph.errors import StorageError
from heliograph.storage import views
from heliograph.storage.database import Database

_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_BREATH: Final = 100_000  # steps of SQLite's machine after which Python sees whether somebody pressed Ctrl-C


class SQLReader:
    """Asks one database.

    Args:
        database: which.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, query: str, limit: int | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns, and rows.

        Args:
            query: one SELECT.
            limit: at most so many rows; None: all.

        Raises:
            ValueError: the query is wrong, or would change something.
            StorageError: the database can't be read.
        """
        views.ensure(self._database)
        with self._connection() as connection:
            try:
                cursor = connection.execute(query)
                if cursor.description is None:
                    raise ValueError("an SQL query has to be a SELECT: nothing can be changed here")
                rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
            except sqlite3.Error as error:
                raise ValueError(_told(error)) from error
            except UnicodeEncodeError as error:
                raise ValueError(f"the SQL query is no valid text: {error.reason}") from error
        return _unique([column[0] for column in cursor.description]), rows

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        path = self._database.location.path
        if path is None:
            raise StorageError(f"storage {self._database.location.url} can't be asked in SQL from here")
        connection = _opened(path)
        try:
            yield connection
        finally:
            connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=60.0)
    connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
    connection.set_authorizer(_authorized)
    connection.set_progress_handler(lambda: 0, _BREATH)
    return connection


def _authorized(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _told(error: sqlite3.Error) -> str:
    text = str(error)
    if "not authorized" in text or "prohibited" in text or "readonly" in text:
        return f"SQL: {text}: a query may only read; nothing can be changed here"
    return f"SQL: {text}"


def _unique(names: list[str]) -> list[str]:
    """Two columns of a join may have one name; as columns of a table they need two.

    >>> _unique(["a", "b", "a"])
    ['a', 'b', 'a_1']
    """
    seen: dict[str, int] = {}
    found = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.append(f"{name}_{count}" if count else name)
    return found
