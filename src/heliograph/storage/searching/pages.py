"""Pages of what is found. A page begins behind the last row of the one before, whatever was written since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)

from heliograph.search.expressions import Condition, conjuncts
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage import schema
from heliograph.storage.connection import Connection
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import Clauses, label_path, label_table
from heliograph.storage.searching.drivers import Driver, best, drivers

_FIRST: Final = 1_000
"""So many rows more than a page has are looked at, before it is found out which index has the fewest."""


@dataclass(frozen=True, slots=True)
class Order:
    """By what the rows are ordered; equal ones by submission, the newest first.

    Attributes:
        field: it; None: by submission only.
        descending: the largest first. Where there is no value, it comes last either way.
    """

    field: FieldAsked | None = None
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A row that was found: what pages go on behind.

    Attributes:
        key: of the row.
        value: what it was ordered by.
    """

    key: tuple[int, ...]
    value: str | float | None = None


def places(
    connection: Connection,
    columns: Columns,
    condition: Condition | None,
    order: Order,
    after: Place | None,
    limit: int,
) -> list[Place]:
    """The next rows that are found.

    Args:
        connection: on a snapshot.
        columns: of what is searched.
        condition: what has to hold; None: nothing.
        order: of the rows.
        after: the row before the first of them; None: from the first one.
        limit: at most so many.
    """
    if connection.dialect.name == "sqlite" and condition is not None and order.field is None:
        first = _along_first(connection, columns, conjuncts(condition), after, limit)
        if first is not None:
            return first
    statement = _statement(connection, columns, condition, order, after).limit(limit)
    found = connection.execute(statement).all()
    width = len(columns.key)
    return [Place(tuple(row[:width]), row[width] if len(row) > width else None) for row in found]


def _along_first(
    connection: Connection, columns: Columns, wanted: Sequence[Condition], after: Place | None, limit: int
) -> list[Place] | None:
    """The next rows, if they are among the first along an index that has them in order; None: they are not.

    Most pages are full long before anybody has counted how many rows each index would have.
    """
    holds = and_(true(), *[Clauses(columns, connection.dialect.name).of(part) for part in wanted])
    ordered = [driver for driver in drivers(wanted, columns.tasks) if driver.is_ordered]
    # Labels before statuses, of which there are few.
    for driver in sorted(ordered, key=lambda driver: driver.table is None):
        key, source = columns.key, columns.table
        if driver.table is not None:
            key = tuple(driver.table.c[name] for name in ("workflow", "task")[: len(key)])
            its = [its == key for its, key in zip(columns.key, key, strict=True)]
            source = driver.table.outerjoin(columns.table, and_(*its))  # outer: so this table leads
        behind = [] if after is None else [_older(key, after.key)]
        most = limit + _FIRST
        looked_at = connection.execute(
            select(*key, holds)
            .select_from(source)
            .where(*driver.clauses, *behind)
            .order_by(*[part.desc() for part in key])
            .limit(most)
        )
        found: list[Place] = []
        count = 0
        for *place, is_one in looked_at:
            count += 1
            if is_one:
                found.append(Place(tuple(place)))
                if len(found) == limit:
                    break
        looked_at.close()
        if len(found) == limit or count < most:
            return found
    return None


def statement_of(
    connection: Connection, columns: Columns, condition: Condition | None, order: Order, after: Place | None
) -> Select[Any]:
    """What `places` asks, for who wants it explained."""
    return _statement(connection, columns, condition, order, after)


def _statement(
    connection: Connection, columns: Columns, condition: Condition | None, order: Order, after: Place | None
) -> Select[Any]:
    dialect = connection.dialect.name
    clauses = Clauses(columns, dialect)
    wanted = [] if condition is None else conjuncts(condition)
    where = [clauses.of(part) for part in wanted]
    value = None if order.field is None else order_column(order.field, columns)
    driver = best(connection, wanted, columns.tasks) if dialect == "sqlite" else None
    key = columns.key
    if driver is not None and driver.is_ordered and value is None and driver.table is not None:
        key = tuple(driver.table.c[name] for name in ("workflow", "task")[: len(key)])
    made = select(*key, *([] if value is None else [value.label("ordered_by")])).select_from(columns.table)
    if driver is not None:
        made = _along(made, driver, columns, in_order=value is None)
    if after is not None:
        where.append(_behind(key, value, order, after))
    made = made.where(*where)
    if value is not None:
        made = made.order_by(value.is_(None), value.desc() if order.descending else value.asc())
    return made.order_by(*[part.desc() for part in key])


def _along(made: Select[Any], driver: Driver, columns: Columns, in_order: bool) -> Select[Any]:
    if driver.is_ordered and in_order:
        if driver.table is None:
            return made.where(*driver.clauses)
        its = zip(("workflow", "task"), columns.key, strict=False)
        joined = [driver.table.c[name] == part for name, part in its]
        return made.select_from(driver.table).where(*driver.clauses, *joined)
    if len(driver.rows.selected_columns) == 1 and driver.is_single:
        return made.where(columns.workflow == driver.rows.limit(1).scalar_subquery())
    if len(driver.rows.selected_columns) == 1:
        return made.where(columns.workflow.in_(driver.rows))
    return made.where(tuple_(*columns.key).in_(driver.rows))


def _behind(
    key: Sequence[ColumnElement[Any]], value: ColumnElement[Any] | None, order: Order, after: Place
) -> ColumnElement[bool]:
    older = _older(key, after.key)
    if value is None:
        return older
    if after.value is None:
        return and_(value.is_(None), older)
    further = value < after.value if order.descending else value > after.value
    return or_(further, and_(value == after.value, older), value.is_(None))


def _older(key: Sequence[ColumnElement[Any]], than: Sequence[int]) -> ColumnElement[bool]:
    first, *rest = key
    if not rest:
        return first < than[0]
    # The first half alone lets the index be entered at the right place.
    return and_(first <= than[0], or_(first < than[0], rest[0] < than[1]))


def order_column(field: FieldAsked, columns: Columns) -> ColumnElement[Any]:
    """A column to order by."""
    if field.kind is FieldKind.STATUS:
        is_of_task = columns.tasks and field.name == "status"
        return columns.read_task_status() if is_of_task else columns.read_status()
    if field.kind is not FieldKind.METADATA:
        return columns.field(field.name)
    text, number = label_columns(field, columns)
    if columns.is_plain:
        return func.coalesce(literal_column("'t'", Text) + text, _in_order(number))
    return func.coalesce(text, number)  # SQLite orders all numbers before all text


def _in_order(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """Numbers as text that is ordered as they are, before all that begins with a "t"."""
    # The bits of a float, read as a number without a sign: in order from 0 on, the wrong way round below it.
    bits = func.encode(func.float8send(number + literal_column("0.0")), "hex", type_=Text)
    turned = func.translate(bits, "0123456789abcdef", "fedcba9876543210", type_=Text)
    positive, negative = literal_column("'n1'", Text) + bits, literal_column("'n0'", Text) + turned
    return case((number >= 0, positive), else_=negative)


def _label(field: FieldAsked, columns: Columns, name: str) -> ColumnElement[Any]:
    table = label_table(field, columns.tasks)
    its = [table.c.workflow == columns.workflow, table.c.path == label_path(field), table.c.place == 0]
    if table is schema.task_labels:
        its.append(table.c.task == columns.key[1])
    return select(table.c[name]).where(*its).correlate(columns.table).scalar_subquery()


def label_columns(field: FieldAsked, columns: Columns) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The value of metadata as text and as a number; one of them is null."""
    return _label(field, columns, "text"), _label(field, columns, "number")
