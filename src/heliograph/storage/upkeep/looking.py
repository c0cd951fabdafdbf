"""Rows as they are stored, each looked at: to check or copy all there is, and stop at no damage."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, Select, String, Table, select, type_coerce
from sqlalchemy.types import NullType

from heliograph.errors import StorageCorruptError
from heliograph.graph.identifiers import is_identifier
from heliograph.storage.databases.database import Database
from heliograph.storage.statements.compiling import worded
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables import schema
from heliograph.storage.tables.numbers import MOST_COUNTED
from heliograph.storage.tables.soundness import Soundness, UnsoundError, is_json, read

TABLES: Final = (schema.owners, schema.workflows, *schema.OF_WORKFLOW)
_AT_ONCE: Final = 1_000

Told = Callable[[str, int, int], None]
"""Is told how far it is: of what, how many are done, and how many there are."""


def looked_at(statement: Select[Any], connection: Connection, damaged: list[UnsoundError]) -> Iterator[Any]:
    """The rows of a statement that are sound.

    Args:
        statement: of columns of tables.
        connection: on a careful snapshot.
        damaged: gets what is wrong with the others.
    """
    soundness = Soundness(read(worded(statement, (), connection.dialect).holds))
    # As the driver has them: what a column is to hold, SQLAlchemy would make of anything.
    plain = statement.with_only_columns(
        *[type_coerce(column, NullType()).label(column.name) for column in statement.selected_columns],
        maintain_column_froms=True,
    )
    with connection.execute(plain, execution_options={"yield_per": _AT_ONCE}) as result:
        for rows in result.partitions():
            left = iter(rows)
            while True:
                try:
                    yield from soundness.seen(left, {})
                    break
                except UnsoundError as error:  # the others are behind it
                    damaged.append(error)


def rows_of(table: Table, connection: Connection, damaged: list[UnsoundError]) -> Iterator[Any]:
    """As `looked_at`, of a table in the order of its keys; and only rows that every database takes."""
    fitting = [(column.name, fits) for column in table.c if (fits := _fits(column)) is not None]
    for row in looked_at(select(table).order_by(*table.primary_key.columns), connection, damaged):
        misfit = next((name for name, fits in fitting if not fits(row._mapping[name])), None)
        if misfit is None:
            yield row
        else:
            shown = reprlib.repr(row._mapping[misfit])
            damaged.append(UnsoundError(table.name, f"{misfit} is {shown}", _workflow_of(table, row)))


def _workflow_of(table: Table, row: Any) -> int | None:
    """The key of the workflow that a row is of; None: of none."""
    if table is schema.owners:
        return None
    key: int = row.key if table is schema.workflows else row.workflow
    return key


def _fits(column: Column[Any]) -> Callable[[Any], bool] | None:
    """Tells whether a value of the right type is one that may be in a column; None: any may."""
    if column is schema.workflows.c.workflow_id or column is schema.tasks.c.task_id:  # no call takes others
        return is_identifier
    if column.name == "user_metadata":  # readers look at these when they take them apart
        return lambda value: is_json(value, "object")
    match column.type:
        case Boolean():
            return lambda value: value in (None, 0, 1)
        case BigInteger():
            return None
        case Integer():
            return lambda value: value is None or abs(value) <= MOST_COUNTED
        case String():
            return lambda value: value is None or "\0" not in value
    return None


def damaged_rows(
    database: Database, tables: Sequence[Table], told: Told = lambda _what, _done, _all: None
) -> tuple[int, list[StorageCorruptError]]:
    """How many rows some tables have, and what is wrong with the damaged ones."""
    count, damaged = 0, list[UnsoundError]()
    for number, table in enumerate(tables):
        told("tables", number, len(tables))
        with database.careful() as connection:
            count += sum(1 for _ in rows_of(table, connection, damaged))
    told("tables", len(tables), len(tables))
    return count + len(damaged), [database.damage(error) for error in damaged]
