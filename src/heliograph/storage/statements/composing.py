"""What statements are written with: parts for SQLAlchemy Core, each as the database at hand has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Dialect,
    GenerativeSelect,
    String,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

from heliograph.storage.statements.statement import PAIRED, PAIRS

Q = TypeVar("Q", bound=GenerativeSelect)


class Composed(NamedTuple):
    """A statement that `storage.statements.rendered` has as text.

    Attributes:
        statement: it, with `bindparam`s where values go.
        columns: of an insert or an update, those that rows will give.
    """

    statement: ClauseElement
    columns: Sequence[str] = ()


def constant(value: StrEnum) -> ColumnElement[str]:
    """A word of ours as part of a statement's text, which has no values of its own."""
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


def no_more(statement: Q, count: ColumnElement[int] | int) -> Q:
    """A statement for so many of its rows at most.

    With an offset: SQLite's compiler would add one as a parameter, and a server plans such a statement by
    itself, whatever is around it.
    """
    most = literal_column(str(count)) if isinstance(count, int) else count
    return statement.limit(most).offset(literal_column("0"))


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
