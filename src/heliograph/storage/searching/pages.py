"""Pages of what is found. A page begins behind the last row of the one before, whatever was written since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
)

from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import Clauses, labels_of
from heliograph.storage.searching.drivers import Driver, Drivers
from heliograph.storage.searching.first_rows import after, first_rows, limited, older
from heliograph.storage.searching.places import Found, Order, Place
from heliograph.storage.searching.prepared import Parameters, PreparedQuery, filled, type_of
from heliograph.storage.searching.shapes import AllOf, Kind
from heliograph.storage.statements.connection import Connection


class Pages:
    """Finds pages for questions of one shape; each statement that they need is made once.

    Args:
        columns: of what is searched.
        shape: what has to hold.
        order: of the rows.
        behind: a page goes on behind a row that was ordered by such a value; None: it is the first one.

    Raises:
        ValueError: no value of that order is of that kind.
    """

    def __init__(self, columns: Columns, shape: AllOf, order: Order, behind: Kind | None) -> None:
        # A server compares no text with numbers; SQLite does, and may have either in a damaged row.
        is_compared = columns.is_server and order.field is not None and behind not in (None, Kind.WORD)
        if is_compared and _is_text(order) != (behind is Kind.TEXT):
            raise ValueError("after must be what an earlier answer gave in the same order")
        self._columns = columns
        self._order = order
        self._behind = behind
        clauses = Clauses(columns)
        self._wanted = [clauses.of(part) for part in shape.parts]
        self._along: dict[Driver | None, PreparedQuery] = {}
        drivers = Drivers(shape, columns.tasks, columns.dialect)
        self._drivers = None if columns.is_server else drivers
        self._first = first_rows(columns, shape, drivers, order, behind)

    @property
    def is_first_alone(self) -> bool:
        """Whether `first` is of one moment also where each statement is of its own."""
        return self._first is not None and self._first.is_one_statement

    def first(self, connection: Connection, given: Parameters) -> Found | None:
        """The next rows that are found, if they are among the first ones along an index.

        Args:
            connection: on a snapshot, if this is not alone; where plans are kept.
            given: what is asked for.
        """
        return None if self._first is None else self._first.found(connection, given)

    def places(self, connection: Connection, given: Parameters) -> list[Place]:
        """The next rows that are found, wherever they are.

        Args:
            connection: on a snapshot.
            given: what is asked for.
        """
        found = self._best(connection, given).ask(connection, given).plain()
        width = len(self._columns.key)
        return [Place(row[:width], row[width] if len(row) > width else None) for row in found]

    def told(self, connection: Connection, given: Parameters) -> tuple[str, Any]:
        """What the database is asked where a page is not full at once, to have it explained."""
        return self._best(connection, given).told(given)

    def _best(self, connection: Connection, given: Parameters) -> PreparedQuery:
        driver = None if self._drivers is None else self._drivers.best(connection, given)
        query = self._along.get(driver)
        if query is None:
            query = self._along[driver] = limited(self._statement(driver), self._columns)
        return query

    def _statement(self, driver: Driver | None) -> Select[Any]:
        columns, order = self._columns, self._order
        value = None if order.field is None else order_column(order.field, columns)
        key = columns.key
        if driver is not None and driver.is_ordered and value is None and driver.table is not None:
            key = tuple(driver.key)
        ordered_by = [] if value is None else [value.label("ordered_by")]
        made = select(*key, *ordered_by).select_from(columns.table)
        if driver is not None:
            made = driver.narrowed(made, columns, in_order=value is None)
        behind = [] if self._behind is None else [_behind(key, value, order, self._behind)]
        made = made.where(*self._wanted, *behind)
        if value is not None:
            made = made.order_by(value.is_(None), value.desc() if order.descending else value.asc())
        return made.order_by(*[part.desc() for part in key])


def _behind(
    key: Sequence[ColumnElement[Any]], value: ColumnElement[Any] | None, order: Order, behind: Kind
) -> ColumnElement[bool]:
    further_back = older(key)
    if value is None:
        return further_back
    if behind is Kind.WORD:
        return and_(value.is_(None), further_back)

    def last() -> ColumnElement[Any]:
        return filled(lambda given: after(given).value, type_of(behind))

    further = value < last() if order.descending else value > last()
    return or_(further, and_(value == last(), further_back), value.is_(None))


def _is_text(order: Order) -> bool:
    """Whether a server orders text, which it makes of numbers in metadata too."""
    text = (FieldKind.TEXT, FieldKind.STATUS, FieldKind.METADATA)
    return order.field is not None and order.field.kind in text


def order_column(field: FieldAsked, columns: Columns) -> ColumnElement[Any]:
    """A column to order by."""
    if field.kind is FieldKind.STATUS:
        is_of_task = columns.tasks and field.name == "status"
        return columns.read_task_status() if is_of_task else columns.read_status()
    if field.kind is not FieldKind.METADATA:
        return columns.field(field.name)
    text, number = label_columns(field, columns)
    if columns.is_server:
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
    table, its = labels_of(field, columns)
    return select(table.c[name]).where(*its, table.c.place == 0).correlate(columns.table).scalar_subquery()


def label_columns(field: FieldAsked, columns: Columns) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The value of metadata as text and as a number; one of them is null."""
    return _label(field, columns, "text"), _label(field, columns, "number")
