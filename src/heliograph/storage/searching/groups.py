"""Summaries: rows counted by what they have in common, with sums, means and percentiles of their numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, func, literal, null, select

from heliograph.records.status import WorkflowStatus
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage.journal import labels
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import Clauses, label_path, label_table
from heliograph.storage.searching.drivers import along_best
from heliograph.storage.searching.pages import label_columns, order_column
from heliograph.storage.searching.prepared import Parameters, PreparedQuery
from heliograph.storage.searching.shapes import AllOf
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables import schema
from heliograph.storage.tables.soundness import Held, Soundness

PERCENTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that have something in common.

    Attributes:
        by: what it is, in the order in which it was asked for; None: they have no such value.
        count: how many they are.
        of: of each field, by its place: count, sum, min, max, mean and percentiles of its values.
    """

    by: tuple[Any, ...]
    count: int
    of: tuple[Mapping[str, float], ...] = ()


def groups(
    connection: Connection,
    columns: Columns,
    shape: AllOf,
    given: Parameters,
    by: Sequence[FieldAsked],
    of: Sequence[FieldAsked],
) -> list[Group]:
    """All groups, the largest first.

    Args:
        connection: on a snapshot.
        columns: of what is searched.
        shape: of what has to hold.
        given: its values.
        by: what rows of a group have in common; nothing: all are in one.
        of: numbers to be summed up.
    """
    is_plain = not shape.parts and not of and not columns.tasks
    if is_plain and [field.kind for field in by] == [FieldKind.METADATA]:
        return _by_label(connection, by[0])
    clauses = Clauses(columns)
    parts = [part for field in by for part in _parts(field, columns)]
    rows = (
        select(
            *[part.label(f"by_{place}") for place, part in enumerate(parts)],
            *[_number(field, columns).label(f"of_{place}") for place, field in enumerate(of)],
        )
        .select_from(columns.table)
        .where(*[clauses.of(part) for part in shape.parts], *along_best(connection, columns, shape, given))
    )
    # A row of nothing still counts: where nothing else is asked, the table itself is what is counted.
    table = (rows if parts or of else rows.add_columns(literal(1))).subquery()
    keys = [table.c[f"by_{place}"] for place in range(len(parts))]
    numbers = [table.c[f"of_{place}"] for place in range(len(of))]
    counted = (
        select(*keys, func.count(), *[made for number in numbers for made in _aggregates(number)])
        .select_from(table)
        .group_by(*keys)
    )

    def ask(statement: Select[Any]) -> list[tuple[Any, ...]]:
        return PreparedQuery(statement, columns.dialect).ask(connection, given).plain()

    percentiles = [_percentiles(ask, keys, number) for number in numbers]
    soundness = Soundness(
        [
            *[held for field in by for held in _held(field, columns.tasks)],
            None,  # the count
            # The largest one: to SQLite, what is no number is more than all of these.
            *[held for field in of for held in (None, None, None, _held(field, columns.tasks)[-1])],
        ]
    )
    found = []
    for row in soundness.seen(ask(counted), {}):
        key, rest = row[: len(keys)], row[len(keys) :]
        if rest[0]:
            found.append(
                Group(
                    _values(by, key),
                    rest[0],
                    tuple(
                        _summary(*rest[1 + 4 * place : 5 + 4 * place]) | percentiles[place].get(key, {})
                        for place in range(len(of))
                    ),
                )
            )
    return _largest_first(found)


def of_counts(counted: Mapping[WorkflowStatus, int]) -> list[Group]:
    """Groups by status, of what `counted_by_status` gives."""
    return _largest_first([Group((status.value,), count) for status, count in counted.items()])


def _by_label(connection: Connection, field: FieldAsked) -> list[Group]:
    """Along the index of labels, which has all workflows but those that have no such value."""
    table = schema.workflow_labels
    made: list[Group] = []
    for column, held in zip((table.c.text, table.c.number), _held(field, False), strict=True):
        found = connection.execute(
            select(column, func.count())
            .where(table.c.path == label_path(field), table.c.place == 0, column.is_not(null()))
            .group_by(column)
        )
        sound = Soundness([held, None]).seen(found, {})
        made += [Group((_value(value, None),), count) for value, count in sound]
    total = connection.execute(select(func.count()).select_from(schema.workflows)).scalar_one()
    without = total - sum(group.count for group in made)
    return _largest_first([*made, *([Group((None,), without)] if without else [])])


def _parts(field: FieldAsked, columns: Columns) -> Sequence[ColumnElement[Any]]:
    return (
        label_columns(field, columns) if field.kind is FieldKind.METADATA else [order_column(field, columns)]
    )


def _held(field: FieldAsked, tasks: bool) -> list[Held]:
    """What these hold; of metadata, and of numbers, the last one holds a number."""
    if field.kind is FieldKind.METADATA:
        table = label_table(field, tasks).name
        return [Held(table, "text", "text", is_known=False), Held(table, "number", "real", is_known=False)]
    kind = "text" if field.kind in (FieldKind.TEXT, FieldKind.STATUS) else "real"
    return [Held("tasks" if tasks else "workflows", field.name, kind, is_known=False)]


def _number(field: FieldAsked, columns: Columns) -> ColumnElement[Any]:
    return label_columns(field, columns)[1] if field.kind is FieldKind.METADATA else columns.field(field.name)


def _aggregates(number: ColumnElement[Any]) -> Sequence[ColumnElement[Any]]:
    # No average: a server squares numbers for it, and an error is what is too large then.
    return func.count(number), func.sum(number), func.min(number), func.max(number)


def _summary(count: int, total: Any, least: float | None, most: float | None) -> dict[str, float]:
    if isinstance(total, Decimal):  # a server's, of whole numbers
        total = int(total)
    mean = None if total is None else total / count
    named = {"count": count, "sum": total, "min": least, "max": most, "mean": mean}
    # Of both infinities there is no sum: a server says NaN.
    return {name: value for name, value in named.items() if value is not None and value == value}


def _percentiles(
    ask: Callable[[Select[Any]], list[tuple[Any, ...]]],
    keys: Sequence[ColumnElement[Any]],
    number: ColumnElement[Any],
) -> dict[tuple[Any, ...], dict[str, float]]:
    """By nearest rank: the least value that so large a part of all is not above."""
    ranked = (
        select(
            *keys,
            number.label("value"),
            func.row_number().over(partition_by=keys or None, order_by=number).label("place"),
            func.count().over(partition_by=keys or None).label("total"),
        )
        .where(number.is_not(None))
        .subquery()
    )
    by = [ranked.c[key.name] for key in keys]
    least = [
        func.min(case((ranked.c.place >= literal(part) * ranked.c.total, ranked.c.value))).label(name)
        for name, part in PERCENTILES.items()
    ]
    found = ask(select(*by, *least).group_by(*by))
    return {
        row[: len(by)]: dict(zip(PERCENTILES, row[len(by) :], strict=True))
        for row in found
        if row[-1] is not None
    }


def _values(by: Sequence[FieldAsked], key: Sequence[Any]) -> tuple[Any, ...]:
    rest, made = list(key), []
    for field in by:
        first = rest.pop(0)
        made.append(_value(first, rest.pop(0)) if field.kind is FieldKind.METADATA else first)
    return tuple(made)


def _value(stored: Any, number: float | None) -> Any:
    """The value that a label has."""
    value = number if stored is None else stored
    if isinstance(value, str) and value.startswith(labels.MARK):
        return json.loads(value.removeprefix(labels.MARK))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _largest_first(found: Sequence[Group]) -> list[Group]:
    return sorted(found, key=lambda group: (-group.count, [str(part) for part in group.by]))
