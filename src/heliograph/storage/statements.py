"""Statements written with SQLAlchemy Core, and what its compiler makes of them: `Wording`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Dialect,
    Insert,
    LargeBinary,
    String,
    Table,
    Update,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows

from heliograph.storage.bulk import in_bulk
from heliograph.storage.statement import PAIRED, PAIRS, Statement, Wording


class Composed(NamedTuple):
    """A statement that `storage.rendered` has as text.

    Attributes:
        statement: it, with `bindparam`s where values go.
        columns: of an insert or an update, those that rows will give.
    """

    statement: ClauseElement
    columns: Sequence[str] = ()


class Prepared(Statement):
    """A statement that is compiled when it is first run.

    Args:
        statement: of SQLAlchemy Core, with `bindparam`s where values go.
        dialect: of the database.
        columns: for an insert, the columns that rows will give.
    """

    __slots__ = ()

    def __init__(
        self, statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None = None
    ) -> None:
        super().__init__(partial(worded, statement, columns or (), dialect))


def worded(statement: ClauseElement, columns: Sequence[str], dialect: Dialect) -> Wording:
    """What a database is told for a statement; see `Prepared`."""
    return wording(statement, compiled(statement, columns, dialect), columns, dialect)


def compiled(statement: ClauseElement, columns: Sequence[str], dialect: Dialect) -> SQLCompiler:
    """What SQLAlchemy makes of a statement; see `Prepared`."""
    return cast("SQLCompiler", statement.compile(dialect=dialect, column_keys=list(columns) or None))


def wording(statement: ClauseElement, made: SQLCompiler, columns: Sequence[str], dialect: Dialect) -> Wording:
    """What a database is told for a statement of which SQLAlchemy made this."""
    sql = str(made)
    places: Any = getattr(made, "positiontup", None)
    names = list(statement.exported_columns.keys()) if isinstance(statement, ReturnsRows) else []
    bulk, binary = None, []
    if dialect.name == "postgresql" and _is_of_rows(statement):
        types = {name: bind.type for name, bind in made.binds.items()}
        binary = [name for name, kind in types.items() if isinstance(kind, LargeBinary)]
        told = {name: "text" if name in binary else _type(kind, dialect) for name, kind in types.items()}
        bulk = in_bulk(sql, told, binary)
    return Wording(sql, None if places is None else list(places), names, list(columns), bulk, binary)


def _is_of_rows(statement: ClauseElement) -> bool:
    """Whether it may be told many rows, and does not find them itself."""
    return isinstance(statement, Update) or (isinstance(statement, Insert) and statement.select is None)


def _type(kind: Any, dialect: Dialect) -> str:
    return str(kind.compile(dialect=dialect)).partition(" COLLATE")[0]


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


def among(column: ColumnElement[Any], name: str, dialect: Dialect) -> ColumnElement[bool]:
    """Whether a column is one of the values that a parameter has, any number of them: see `listed`."""
    return among_bound(column, lambda kind: bindparam(name, type_=kind), dialect)


def pair_among(
    first: ColumnElement[Any], second: ColumnElement[Any], dialect: Dialect
) -> ColumnElement[bool]:
    """Whether two columns are one of the pairs of numbers that `statement.paired` has."""
    if dialect.name == "postgresql":
        # As queries of their own, the server can't count them when it plans: one plan serves any number.
        numbers = [select(bindparam(name, type_=ARRAY(BigInteger))).scalar_subquery() for name in PAIRED]
        pairs = func.unnest(*numbers).table_valued("first", "second").render_derived()
        return tuple_(first, second).in_(select(pairs.c.first, pairs.c.second))
    pairs = func.json_each(bindparam(PAIRS, type_=String)).table_valued("value")
    return tuple_(first, second).in_(
        select(*[func.json_extract(pairs.c.value, literal_column(f"'$[{place}]'")) for place in range(2)])
    )


def among_bound(
    column: ColumnElement[Any], bound: Callable[[Any], BindParameter[Any]], dialect: Dialect
) -> ColumnElement[bool]:
    """As `among`; `bound` makes the parameter, of a type that it is told."""
    if dialect.name == "postgresql":
        return column == func.any(bound(ARRAY(column.type)))
    return column.in_(select(func.json_each(bound(String)).table_valued("value").c.value))
