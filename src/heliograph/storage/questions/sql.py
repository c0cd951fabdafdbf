"""Questions in SQL, asked on a connection that can change nothing."""

from __future__ import annotations

from typing import Any

from heliograph.storage.databases.database import Database
from heliograph.storage.versions import views


def ask(database: Database, query: str, limit: int | None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns, and rows.

    Args:
        database: which is asked.
        query: one SELECT, in the database's own dialect.
        limit: at most so many rows; None: all.

    Raises:
        ValueError: the query is wrong, or would change something.
        StorageError: the database can't be read.
    """
    views.ensure(database)
    try:
        columns, rows = database.ask(query, limit)
    except UnicodeEncodeError as error:
        raise ValueError(f"the SQL query is no valid text: {error.reason}") from error
    return _unique(columns), rows


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
