"""Pages of what is found. A page begins behind the last row of the one before, whatever was written since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
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

from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage import schema
from heliograph.storage.connection import Connection
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import Clauses, label_path, label_table
from heliograph.storage.searching.drivers import Driver, Drivers
from heliograph.storage.searching.kept import Given, Kept, filled, most, type_of
from heliograph.storage.searching.places import Order, Place
from heliograph.storage.searching.shapes import AllOf, Kind

_FIRST: Final = 1_000
"""So many rows more than a page has are looked at, before it is found out which index has the fewest."""


class Pages:
    """Finds pages for questions of one shape; each statement that they need is made once.

    Args:
        columns: of what is searched.
        shape: what has to hold.
        order: of the rows.
        behind: a page goes on behind a row that was ordered by such a value; None: it is the first one.
    """

    def __init__(self, columns: Columns, shape: AllOf, order: Order, behind: Kind | None) -> None:
        self._columns = columns
        self._order = order
        self._behind = behind
        clauses = Clauses(columns)
        self._wanted = [clauses.of(part) for part in shape.parts]
        self._drivers: Drivers | None = None
        self._first: list[Kept] = []
        self._along: dict[Driver | None, Kept] = {}
        if columns.is_plain:
            return
        self._drivers = Drivers(shape, columns.tasks, columns.dialect)
        if order.field is None:
            # Labels before statuses, of which there are few.
            ordered = sorted(self._drivers.ordered, key=lambda driver: driver.table is None)
            self._first = [self._kept(self._looking(driver)) for driver in ordered]

    def found(self, connection: Connection, given: Given) -> list[Place]:
        """The next rows that are found.

        Args:
            connection: on a snapshot.
            given: what is asked for.
        """
        first = self._along_first(connection, given)
        if first is not None:
            return first
        found = self._best(connection, given).ask(connection, given).plain()
        width = len(self._columns.key)
        return [Place(row[:width], row[width] if len(row) > width else None) for row in found]

    def told(self, connection: Connection, given: Given) -> tuple[str, Any]:
        """What the database is asked where a page is not full at once, for who wants it explained."""
        return self._best(connection, given).told(given)

    def _along_first(self, connection: Connection, given: Given) -> list[Place] | None:
        """The next rows, if they are among the first along an index that has them in order; else None.

        Most pages are full long before anybody has counted how many rows each index would have.
        """
        wide = Given(given.values, given.alive, given.most + _FIRST, given.after)
        for kept in self._first:
            looked_at = kept.ask(connection, wide)
            found: list[Place] = []
            count = 0
            for row in looked_at.rows():
                count += 1
                if row[-1]:
                    found.append(Place(row[:-1]))
                    if len(found) == given.most:
                        break
            looked_at.close()
            if len(found) == given.most or count < wide.most:
                return found
        return None

    def _looking(self, driver: Driver) -> Select[Any]:
        """Rows along an index, in order, and whether each is one that is wanted."""
        columns, key = self._columns, driver.key
        source = columns.table
        if driver.table is not None:
            its = [its == part for its, part in zip(columns.key, key, strict=True)]
            source = driver.table.outerjoin(columns.table, and_(*its))  # outer: so this table leads
        return (
            select(*key, and_(true(), *self._wanted))
            .select_from(source)
            .where(*driver.clauses, *([] if self._behind is None else [_older(key)]))
            .order_by(*[part.desc() for part in key])
        )

    def _best(self, connection: Connection, given: Given) -> Kept:
        driver = None if self._drivers is None else self._drivers.best(connection, given)
        kept = self._along.get(driver)
        if kept is None:
            kept = self._along[driver] = self._kept(self._statement(driver))
        return kept

    def _kept(self, statement: Select[Any]) -> Kept:
        limited = statement.limit(most()).offset(literal_column("0"))
        return Kept(limited, self._columns.dialect)

    def _statement(self, driver: Driver | None) -> Select[Any]:
        columns, order = self._columns, self._order
        value = None if order.field is None else order_column(order.field, columns)
        key = columns.key
        if driver is not None and driver.is_ordered and value is None and driver.table is not None:
            key = tuple(driver.key)
        ordered_by = [] if value is None else [value.label("ordered_by")]
        made = select(*key, *ordered_by).select_from(columns.table)
        if driver is not None:
            made = _along(made, driver, columns, in_order=value is None)
        behind = [] if self._behind is None else [_behind(key, value, order, self._behind)]
        made = made.where(*self._wanted, *behind)
        if value is not None:
            made = made.order_by(value.is_(None), value.desc() if order.descending else value.asc())
        return made.order_by(*[part.desc() for part in key])


def _along(made: Select[Any], driver: Driver, columns: Columns, in_order: bool) -> Select[Any]:
    if driver.is_ordered and in_order:
        if driver.table is None:
            return made.where(*driver.clauses)
        joined = [its == part for its, part in zip(driver.key, columns.key, strict=True)]
        return made.select_from(driver.table).where(*driver.clauses, *joined)
    if len(driver.key) == 1 and driver.is_single:
        return made.where(columns.workflow == driver.rows.limit(literal_column("1")).scalar_subquery())
    if len(driver.key) == 1:
        return made.where(columns.workflow.in_(driver.rows))
    return made.where(tuple_(*columns.key).in_(driver.rows))


def _behind(
    key: Sequence[ColumnElement[Any]], value: ColumnElement[Any] | None, order: Order, behind: Kind
) -> ColumnElement[bool]:
    older = _older(key)
    if value is None:
        return older
    if behind is Kind.WORD:
        return and_(value.is_(None), older)

    def after() -> ColumnElement[Any]:
        return filled(lambda given: _after(given).value, type_of(behind))

    further = value < after() if order.descending else value > after()
    return or_(further, and_(value == after(), older), value.is_(None))


def _older(key: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    first, *rest = key
    if not rest:
        return first < _key(0)
    # The first half alone lets the index be entered at the right place.
    return and_(first <= _key(0), or_(first < _key(0), rest[0] < _key(1)))


def _key(part: int) -> ColumnElement[int]:
    """A part of the key of the row to go on behind."""
    return filled(lambda given: _after(given).key[part], BigInteger)


def _after(given: Given) -> Place:
    assert given.after is not None  # else its question would be of another shape
    return given.after


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
