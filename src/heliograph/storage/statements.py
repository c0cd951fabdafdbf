"""Statements written with SQLAlchemy Core, compiled once a database, and run at the driver's own speed.

Core's compiler knows the dialects; its execution layer costs ten times the statement itself for the small
ones that the journal and `get_metadata` live on. So they are compiled once and given to the driver as text.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Connection, Dialect, Insert, String, Table, Update, literal_column
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import NoResultFound
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows

from heliograph.storage.bulk import LEAST, Bulk, Rows

Row = Mapping[str, Any]
_BATCH: Final = 5000
"""Rows read at once to become columns: all of 200,000 would take as much memory again."""


def constant(value: StrEnum) -> ColumnElement[str]:
    """A word of ours as part of a statement's text; `Prepared` takes no values of its own."""
    return literal_column(f"'{value.value}'", String)


def constants(values: Iterable[StrEnum]) -> list[ColumnElement[str]]:
    """Several of them, for ``IN``."""
    return [constant(value) for value in sorted(values)]


def inserting(table: Table, dialect: Dialect) -> sqlite.Insert:
    """An insert with ``ON CONFLICT``, which each database has as an extension of its own."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # costs milliseconds that SQLite's users save

        return cast("sqlite.Insert", postgresql.insert(table))  # the same methods, without a common type
    return sqlite.insert(table)


def replacing(table: Table, dialect: Dialect) -> sqlite.Insert:
    """An insert that completes the row where it is there already: an attempt begins, and later ends."""
    statement = inserting(table, dialect)
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: statement.excluded[column.name] for column in table.c if column.name not in keys},
    )


class Answer:
    """The rows of a statement, in order; each has its columns by name.

    Args:
        cursor: of the driver, which has them.
        row: makes a row with names of one without.
    """

    __slots__ = ("_cursor", "_row")

    def __init__(self, cursor: Any, row: Callable[[Any], Any]) -> None:
        self._cursor = cursor
        self._row = row

    def __iter__(self) -> Iterator[Any]:
        return map(self._row, self._cursor)

    def all(self) -> list[Any]:
        """All of them."""
        return list(self)

    def plain(self) -> list[tuple[Any, ...]]:
        """All of them without names: of 200,000, these would cost more than the rows."""
        return list(self._cursor.fetchall())

    def columns(self, names: Sequence[str], recurring: Collection[str] = ()) -> dict[str, list[Any]]:
        """All of them, as one list a column.

        Args:
            names: of the columns.
            recurring: columns of few values: each value is kept once, however many rows have it.
        """
        columns: list[list[Any]] = [[] for _ in names]
        known: list[dict[Any, Any] | None] = [{} if name in recurring else None for name in names]
        while batch := self._cursor.fetchmany(_BATCH):
            for column, shared, values in zip(columns, known, zip(*batch, strict=True), strict=True):
                column += values if shared is None else map(shared.setdefault, values, values)
        return dict(zip(names, columns, strict=True))

    def first(self) -> Any:
        """The first one; None: there is none."""
        found = self._cursor.fetchone()
        self._cursor.close()  # else it would go on reading, and keep what it reads from
        return None if found is None else self._row(found)

    def scalars(self) -> Iterator[Any]:
        """The first value of each."""
        return (row[0] for row in self._cursor)

    def scalar_one_or_none(self) -> Any:
        """The first value of the first one; None: there is none."""
        found = self.first()
        return None if found is None else found[0]

    def scalar_one(self) -> Any:
        """The first value of the first one, which has to be there.

        Raises:
            NoResultFound: it is not.
        """
        found = self.first()
        if found is None:
            raise NoResultFound("a row was expected, and there is none")
        return found[0]


class Prepared:
    """One statement for one database.

    Args:
        statement: of SQLAlchemy Core, with `bindparam`s where values go.
        dialect: of the database.
        columns: for an insert, the columns that rows will give.
    """

    __slots__ = (
        "_bulk",
        "_columns",
        "_dialect",
        "_is_in_order",
        "_pick",
        "_row",
        "_rows",
        "_sql",
        "_statement",
    )

    def __init__(
        self, statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None = None
    ) -> None:
        self._statement = statement
        self._dialect = dialect
        self._columns = tuple(columns or ())
        self._sql = ""  # not compiled yet
        self._bulk: Bulk | None = None
        self._rows: Rows | None = None

    def _compile(self) -> None:
        """Make it ready, when it is first run: most programs never run most statements.

        Two threads may do so at once; what they make is the same, and `_sql` comes last.
        """
        statement, dialect = self._statement, self._dialect
        compiled = statement.compile(dialect=dialect, column_keys=list(self._columns) or None)
        if dialect.name == "postgresql" and isinstance(statement, Insert | Update):
            self._bulk = Bulk(cast("SQLCompiler", compiled), dialect)
        names = list(statement.exported_columns.keys()) if isinstance(statement, ReturnsRows) else []
        # The names are known only now, which no type checker can follow. Without any, no type is made:
        # that evaluates code, and where this is done at Python's end it forgets that Ctrl-C ended it.
        made: Any = namedtuple
        self._row: Callable[[Any], Any] = made("Row", names, rename=True)._make if names else tuple
        positions: Sequence[str] | None = getattr(compiled, "positiontup", None)
        self._is_in_order = positions is not None and tuple(positions) == self._columns
        match positions:
            case None:
                self._pick: Any = dict
            case []:
                self._pick = _nothing
            case [name]:
                self._pick = lambda row: (row[name],)
            case _:
                self._pick = itemgetter(*positions)
        self._sql = str(compiled)

    def ask(self, connection: Connection, **values: Any) -> Answer:
        """Run it for its rows, straight on the driver."""
        if not self._sql:
            self._compile()
        raw: Any = connection.connection.dbapi_connection
        return Answer(raw.execute(self._sql, self._pick(values)), self._row)

    def put(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """As `tell`, for an insert: each row has the values of its `columns`, in their order."""
        if not self._sql:
            self._compile()
        if not self._is_in_order:
            self.tell(connection, *[dict(zip(self._columns, row, strict=True)) for row in rows])
            return
        raw: Any = connection.connection.dbapi_connection
        if len(rows) == 1:
            raw.execute(self._sql, rows[0])
        elif len(rows) < LEAST:
            raw.executemany(self._sql, rows)
        else:
            if self._rows is None:
                self._rows = Rows(self._sql)
            self._rows.put(raw, rows)

    def tell(self, connection: Connection, *rows: Row) -> None:
        """Run it once for each of these, straight on the driver."""
        if not rows:
            return
        if not self._sql:
            self._compile()
        raw: Any = connection.connection.dbapi_connection
        if len(rows) == 1:
            raw.execute(self._sql, self._pick(rows[0]))
        elif self._bulk is None or not self._bulk.tell(raw, rows):
            raw.cursor().executemany(self._sql, [self._pick(row) for row in rows])

    def changed(self, connection: Connection, row: Row) -> int:
        """Run it for this, straight on the driver; returns how many rows of its table it changed."""
        if not self._sql:
            self._compile()
        raw: Any = connection.connection.dbapi_connection
        return int(raw.execute(self._sql, self._pick(row)).rowcount)


def _nothing(_row: Row) -> tuple[()]:
    return ()
