"""Many rows in one statement.

A statement told a thousand times costs a server, and its driver, a thousand statements; told once with a
thousand rows it costs less than half. PostgreSQL gets them as one JSON text, which it takes apart.

SQLite is no server. But Python's driver gives the interpreter's lock away for each statement, and has to get
it back from whichever thread took it: beside busy worker threads that costs more than a row. So it gets
several rows of values.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

LEAST: Final = 8
"""Fewer rows are as well told one by one to SQLite."""
_MOST: Final = 1_000
_MOST_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE: Final = (64, LEAST)
"""Rows in one statement for SQLite: each such number is one more statement that has to be prepared."""
_PLACE: Final = re.compile(r'%\((\w+)\)s(?:::[A-Z]+(?: PRECISION)?(?:\(\d+\))?(?:\[\])?)?(?: COLLATE "C")?')
_VALUES: Final = re.compile(r"\bVALUES \((.*?)\)(?= ON CONFLICT| RETURNING|$)", re.DOTALL)


class Rows:
    """An INSERT of one row for SQLite, made into INSERTs of several.

    Args:
        sql: the statement.
    """

    def __init__(self, sql: str) -> None:
        values = _values_in(sql)
        before, row, after = sql[: values.start()], f"({values[1]})", sql[values.end() :]
        self._one = sql
        self._several = [(count, f"{before}VALUES {', '.join([row] * count)}{after}") for count in _AT_ONCE]

    def put(self, connection: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        """Tell the rows, each of which has the statement's values in order."""
        done = 0
        for count, sql in self._several:
            while len(rows) - done >= count:
                connection.execute(sql, tuple(chain.from_iterable(rows[done : done + count])))
                done += count
        if done < len(rows):
            connection.executemany(self._one, rows[done:])


def _values_in(sql: str) -> re.Match[str]:
    found = _VALUES.search(sql)
    assert found is not None, f"no rows are told by it: {sql}"
    return found


def in_bulk(sql: str, types: Mapping[str, str], binary: Collection[str]) -> str:
    """An INSERT or UPDATE of one row for PostgreSQL, made into one of many.

    Args:
        sql: the statement; what it has of its own are places for values.
        types: of the values, by name.
        binary: names of those that are bytes.
    """

    def told(place: re.Match[str]) -> str:
        name = place[1]
        return f"decode(told.{name}, 'hex')" if name in binary else f"told.{name}"

    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    rows = f"json_to_recordset(%(rows)s::json) AS told({columns})"
    if sql.startswith("INSERT"):
        values = _values_in(sql)
        given = _PLACE.sub(told, values[1])
        return f"{sql[: values.start()]}SELECT {given} FROM {rows}{sql[values.end() :]}"
    change, where, condition = sql.partition(" WHERE ")
    return f"{_PLACE.sub(told, change)} FROM {rows}{where}{_PLACE.sub(told, condition)}"


class Bulk:
    """A statement of many rows for PostgreSQL.

    Args:
        sql: see `in_bulk`.
        binary: names of values that are bytes.
    """

    def __init__(self, sql: str, binary: Sequence[str]) -> None:
        self._sql = sql
        self._binary = binary

    def tell(self, connection: Any, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Tell the rows, none of which may have the key of another one.

        Returns:
            Whether they were: not if JSON can't hold them, or they are large.
        """
        try:
            texts = [self._text(part) for part in _parts(rows)]
        except ValueError:
            return False
        for text in texts:
            connection.execute(self._sql, {"rows": text})
        return True

    def expect(self, connection: Any, rows: Sequence[Mapping[str, Any]]) -> bool:
        """As `tell`, for changes each of which has to change a row: see `TerseConnection.expect`."""
        try:
            texts = [(self._text(part), len(part)) for part in _parts(rows)]
        except ValueError:
            return False
        for text, count in texts:
            connection.expect(self._sql, {"rows": text}, count)
        return True

    def _text(self, rows: Sequence[Mapping[str, Any]]) -> str:
        if self._binary:
            given = [dict(row) for row in rows]
            size = 0
            for row, name in itertools.product(given, self._binary):
                if (data := row[name]) is not None:
                    size += len(data)
                    row[name] = data.hex()
            if size > _MOST_BYTES:
                raise ValueError("too large for one text")
            rows = given
        return json.dumps(rows, allow_nan=False)


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(rows), _MOST):
        yield rows[start : start + _MOST]
