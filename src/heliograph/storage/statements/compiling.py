"""What SQLAlchemy's compiler makes of a statement: its `Wording`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

from sqlalchemy import (
    Alias,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    CompoundSelect,
    Dialect,
    Float,
    FromClause,
    Insert,
    Integer,
    Join,
    LargeBinary,
    Table,
    Update,
)
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.sql.visitors import iterate

from heliograph.storage.statements.bulk import in_bulk
from heliograph.storage.statements.owners import ALWAYS_OF
from heliograph.storage.statements.statement import Wording
from heliograph.storage.tables import schema
from heliograph.storage.tables.soundness import Held, written


def worded(statement: ClauseElement, columns: Sequence[str], dialect: Dialect) -> Wording:
    """What a database is told for a statement.

    Args:
        statement: of SQLAlchemy Core, with `bindparam`s where values go.
        columns: for an insert, the columns that rows will give.
        dialect: of the database.
    """
    return wording(statement, compiled(statement, columns, dialect), columns, dialect)


def compiled(statement: ClauseElement, columns: Sequence[str], dialect: Dialect) -> SQLCompiler:
    """What SQLAlchemy makes of a statement; see `worded`."""
    return cast("SQLCompiler", statement.compile(dialect=dialect, column_keys=list(columns) or None))


def wording(statement: ClauseElement, made: SQLCompiler, columns: Sequence[str], dialect: Dialect) -> Wording:
    """What a database is told for a statement of which SQLAlchemy made this."""
    sql = str(made)
    places: Any = getattr(made, "positiontup", None)
    names: list[str] = []
    holds = ""
    if isinstance(statement, ReturnsRows):
        names = list(statement.exported_columns.keys())
        holds = _holds(statement)
    bulk, binary = None, []
    if dialect.name == "postgresql" and _is_of_rows(statement):
        types = {name: bind.type for name, bind in made.binds.items()}
        binary = [name for name, kind in types.items() if isinstance(kind, LargeBinary)]
        told = {name: "text" if name in binary else _type(kind, dialect) for name, kind in types.items()}
        bulk = in_bulk(sql, told, binary)
    return Wording(sql, None if places is None else list(places), names, list(columns), bulk, binary, holds)


def _holds(statement: ReturnsRows) -> str:
    """See `Wording.holds`."""
    parts = statement.selects if isinstance(statement, CompoundSelect) else [statement]
    first, *others = map(_columns, parts)
    # Of rows that several queries bring, a value is known if all of them bring one.
    known = [all(one and one.is_known for one in column) for column in zip(first, *others, strict=True)]
    return written(
        [one and one._replace(is_known=is_known) for one, is_known in zip(first, known, strict=True)]
    )


def _columns(statement: ReturnsRows) -> list[Held | None]:
    # What is joined so may have no row, and then all of its columns are null.
    joins = [part for part in iterate(statement) if isinstance(part, Join) and part.isouter]
    outer = {one for join in joins for one in _joined(join.right)}
    return [_held(column, outer) for column in statement.exported_columns]


def _joined(part: FromClause) -> Iterator[FromClause]:
    if isinstance(part, Join):
        yield from _joined(part.left)
        yield from _joined(part.right)
    else:
        yield part


def _held(column: ColumnElement[Any], outer: Collection[FromClause]) -> Held | None:
    [root] = column.base_columns
    if not isinstance(root, Column) or not isinstance(root.table, Table):
        always_of = ALWAYS_OF.get(column.key or "")
        return None if always_of is None else _of(always_of, is_known=False)
    near = getattr(column, "element", column).table
    is_joined = near in outer if isinstance(near, Table | Alias) else bool(outer)
    return _of(root, not root.nullable and not is_joined)


def _of(column: Column[Any], is_known: bool) -> Held:
    return Held(column.table.name, column.name, _kind(column, column.table), is_known)


def _kind(column: Column[Any], table: Table) -> str:
    if "json" in column.info:
        return str(column.info["json"])
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            named, words = constraint.info.get("words", (None, None))
            if named == column.name:
                return str(words)
    if isinstance(column.type, Integer | Boolean):
        return "whole"
    if isinstance(column.type, schema.Moment):
        return "moment"
    if isinstance(column.type, Float):
        return "real"
    return "bytes" if isinstance(column.type, LargeBinary) else "text"


def _is_of_rows(statement: ClauseElement) -> bool:
    """Whether it may be told many rows, and does not find them itself."""
    return isinstance(statement, Update) or (isinstance(statement, Insert) and statement.select is None)


def _type(kind: Any, dialect: Dialect) -> str:
    return str(kind.compile(dialect=dialect)).partition(" COLLATE")[0]
