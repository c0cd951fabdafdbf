"""What SQLAlchemy's compiler makes of a statement: its `Wording`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy import Dialect, Insert, LargeBinary, Update
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows

from heliograph.storage.bulk import in_bulk
from heliograph.storage.statement import Statement, Wording


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
