"""Pages that are full after a look at the first rows along an index, as most are.

So that nobody has to find out first how many rows each index has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Exists,
    GenerativeSelect,
    Select,
    and_,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BooleanClauseList, UnaryExpression
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.sql.visitors import iterate

from heliograph.storage.composed import queries
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import Clauses
from heliograph.storage.searching.drivers import Driver, Drivers
from heliograph.storage.searching.places import Found, Order, Place
from heliograph.storage.searching.prepared import Parameters, PreparedQuery, filled, most, type_of
from heliograph.storage.searching.shapes import AllOf, Kind
from heliograph.storage.statements.composing import no_more
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables import schema

Key = Sequence[ColumnElement[Any]]
Count = Callable[[], ColumnElement[int]]

_FIRST: Final = 1_000
"""So many rows more than a page has are looked at."""
_FIRST_ON_SERVER: Final = 100
"""So many where a server has another way, which it chooses by what it knows of the values."""
_RESTS: Final = 7
"""After a look in vain on a server, so many questions of the same shape go without one."""
_INDEXED: Final = {"created_time": (Kind.WHOLE, Kind.REAL), "workflow_id": (Kind.TEXT,)}
"""Fields of workflows that have an index and always a value, and of which kinds that is."""
_ALL: Final = Driver([schema.workflows.c.key], [], is_ordered=True)
"""All workflows, as they were submitted."""


class FirstRows(Protocol):
    """The first rows."""

    @property
    def is_one_statement(self) -> bool:
        """Whether all that is said is of one moment, also where each statement is of its own."""

    def found(self, connection: Connection, given: Parameters) -> Found | None:
        """The next page; None: there may be more on it than they have."""


def first_rows(
    columns: Columns, shape: AllOf, drivers: Drivers, order: Order, behind: Kind | None
) -> FirstRows | None:
    """The way that suits the database; None: there is nothing to gain.

    Args:
        columns: of what is searched.
        shape: what has to hold.
        drivers: the indexes.
        order: of the rows.
        behind: pages go on behind a row that was ordered by such a value; None: it is the first one.
    """
    if order.field is not None:
        kinds = () if columns.is_server or columns.tasks else _INDEXED.get(order.field.name, ())
        if not kinds or behind not in (None, *kinds):
            return None
        return _Read([_by_value(columns, shape, order, behind)], columns, 0, _by_their_values)
    # Labels before statuses, of which there are few.
    ordered = sorted(drivers.ordered, key=lambda driver: driver.table is None)
    if not columns.is_server:
        if columns.tasks:
            made = [_along(driver, columns, _wanted(columns, shape, driver), behind) for driver in ordered]
            return _Read(made, columns, -1, lambda rows: Found([Place(row[:-1]) for row in rows]))
        # Where there is no index at all, all rows are in order.
        along = ordered if drivers.are_any else [_ALL]
        made = [_recorded(driver, _wanted(columns, shape, driver), behind) for driver in along]
        return _Read(made, columns, 0, lambda rows: Found([Place(row[:1]) for row in rows], rows))
    clauses = Clauses(columns)
    gathers = any(_gathers(clauses.of(part)) for part in shape.parts)
    if not columns.tasks:
        if not ordered and not gathers and drivers.are_any:
            return None
        driver = ordered[0] if ordered else _ALL
        return _Recorded(columns, shape, driver, behind, _wide if gathers else _wide_on_server)
    return _Bounded(columns, shape, ordered[0] if ordered else None, behind) if gathers else None


def _gathers(clause: ColumnElement[bool]) -> bool:
    """Whether a server has to gather rows of another table for it.

    That there is such a row, or none, it makes a join of, wherever it has to hold; but not under OR.
    """
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        return any(_gathers(part) for part in clause.clauses)
    is_joined = isinstance(clause, UnaryExpression)  # EXISTS, or NOT EXISTS
    return not is_joined and any(isinstance(part, Exists) for part in iterate(clause))


class _Read:
    """Each row is read and told whether it is wanted: where it costs nothing to stop.

    Args:
        statements: for rows in order.
        columns: of what is searched.
        tells: the place of the column that says whether a row is wanted: by any value but null, 0 or False.
        found: makes what was found of the wanted ones.
    """

    def __init__(
        self,
        statements: Sequence[Select[Any]],
        columns: Columns,
        tells: int,
        found: Callable[[list[tuple[Any, ...]]], Found],
    ) -> None:
        self._queries = [limited(one, columns) for one in statements]
        self._tells = tells
        self._found = found

    @property
    def is_one_statement(self) -> bool:
        return not any(query.asks_owners for query in self._queries)

    def found(self, connection: Connection, given: Parameters) -> Found | None:
        wide, tells = given._replace(most=given.most + _FIRST), self._tells
        for query in self._queries:
            looked_at = query.ask(connection, wide)
            found: list[tuple[Any, ...]] = []
            count = 0
            for row in looked_at.rows():
                count += 1
                if row[tells]:
                    found.append(row)
                    if len(found) == given.most:
                        break
            looked_at.close()
            if len(found) == given.most or count < wide.most:
                return self._found(found)
        return None


class _Recorded:
    """Workflows along an index, looked at one by one on a server: one statement finds and reads them.

    Fenced in by offsets, so that there is no other way to go about it than along that index: a plan that is
    kept is a good one for all values, of which some have a row and others a million. See decision 45.
    """

    def __init__(
        self, columns: Columns, shape: AllOf, driver: Driver, behind: Kind | None, wide: Count
    ) -> None:
        is_wanted = _wanted(columns, shape, driver, one_by_one=True)
        self._query = limited(_found_along(driver, is_wanted, behind, wide), columns)
        self._rests = 0

    @property
    def is_one_statement(self) -> bool:
        return not self._query.asks_owners

    def found(self, connection: Connection, given: Parameters) -> Found | None:
        if self._rests:  # another value may be as rare
            self._rests -= 1
            return None
        rows = list(self._query.ask(connection, given).rows())
        if rows and rows[-1][0] is None:
            rows.pop()
        elif len(rows) < given.most:
            self._rests = _RESTS
            return None
        return Found([Place(row[:1]) for row in rows], rows)


class _Bounded:
    """Rows that are not behind the thousandth, until there are enough: what a server can be told.

    When it plans for a page, a server reckons with all rows there are. So it gathers all that have a label
    before it looks at the first one: 45 ms of a million workflows, for a page that is full after a hundred.
    """

    def __init__(self, columns: Columns, shape: AllOf, driver: Driver | None, behind: Kind | None) -> None:
        clauses = Clauses(columns, one_by_one=True)
        wanted = [clauses.of(part) for part in shape.parts]
        key, source = columns.key, columns.table
        if driver is not None and driver.table is not None:
            key, source = tuple(driver.key), driver.table
        further_back = [] if behind is None else [older(key)]
        newest = [part.desc() for part in key]
        last = select(*key).select_from(source).where(*further_back).order_by(*newest)
        made = select(*key).select_from(columns.table)
        if driver is not None:
            last = last.where(*driver.clauses)
            made = driver.narrowed(made, columns, in_order=True)
        last = last.offset(_wide()).limit(literal_column("1"))
        bounds = [
            func.coalesce(last.with_only_columns(part).correlate(None).scalar_subquery(), literal_column("0"))
            for part in key
        ]
        made = made.where(*wanted, *further_back, _not_older(key, bounds)).order_by(*newest)
        self._query = limited(made, columns)

    @property
    def is_one_statement(self) -> bool:
        return False  # what it finds is still to be read

    def found(self, connection: Connection, given: Parameters) -> Found | None:
        found = self._query.ask(connection, given).plain()
        return Found([Place(row) for row in found]) if len(found) == given.most else None


def _along(
    driver: Driver, columns: Columns, is_wanted: ColumnElement[bool], behind: Kind | None
) -> Select[Any]:
    """Rows of tasks along an index, in order, and whether each is one that is wanted."""
    source = columns.table
    if driver.table is not None:
        its = [its == part for its, part in zip(columns.key, driver.key, strict=True)]
        source = driver.table.outerjoin(columns.table, and_(*its))  # outer: so this table leads
    return (
        select(*driver.key, is_wanted)
        .select_from(source)
        .where(*driver.clauses, *([] if behind is None else [older(driver.key)]))
        .order_by(*[part.desc() for part in driver.key])
    )


def _recorded(driver: Driver, is_wanted: ColumnElement[bool], behind: Kind | None) -> Select[Any]:
    """Rows along an index, in order: of each workflow that is wanted its record, and of others nothing."""
    workflows = schema.workflows
    source, key, clauses = driver.table, driver.key[0], list(driver.clauses)
    if source is None:  # that of workflows, a second time: it is read for those that are wanted
        source = workflows.alias()
        renamed = ClauseAdapter(source).traverse
        key, clauses = renamed(key), [renamed(clause) for clause in clauses]
    recorded = source.outerjoin(workflows, and_(workflows.c.key == key, is_wanted))
    return (
        select(*queries.recorded())
        .select_from(queries.with_error(recorded))
        .where(*clauses, *([] if behind is None else [older([key])]))
        .order_by(key.desc())
    )


def _found_along(
    driver: Driver, is_wanted: ColumnElement[bool], behind: Kind | None, wide: Count
) -> CompoundSelect[Any]:
    """Records of the first workflows that are wanted; behind them a row of nothing, if those are all."""
    workflows, (key,) = schema.workflows, driver.key
    clauses = [*driver.clauses, *([] if behind is None else [older(driver.key)])]
    along = no_more(select(key.label("key")).where(*clauses).order_by(key.desc()), wide()).subquery()
    its = select(*queries.recorded()).select_from(queries.with_error(workflows))
    record = its.where(workflows.c.key == along.c.key, is_wanted).offset(literal_column("0")).lateral()
    found = select(*record.c).select_from(along.join(record, true())).order_by(along.c.key.desc())
    # Only where the page is not full the server comes to this.
    count = select(func.count()).select_from(along).scalar_subquery()
    are_all = select(*[null() for _ in record.c]).where(count < wide())
    return union_all(no_more(found, most()), are_all)


def _by_value(columns: Columns, shape: AllOf, order: Order, behind: Kind | None) -> Select[Any]:
    """Rows along the index of what they are ordered by: as `_recorded`, and that value."""
    assert order.field is not None
    workflows, along = schema.workflows, schema.workflows.alias()
    value, key = along.c[order.field.name], along.c.key
    recorded = along.outerjoin(workflows, and_(workflows.c.key == key, _wanted(columns, shape, None)))
    made = select(*queries.recorded(), value.label("ordered_by")).select_from(queries.with_error(recorded))
    if behind is not None:
        last = filled(lambda given: after(given).value, type_of(behind))
        # The first half alone lets the index be entered at the right place.
        beyond, not_before = (
            (value < last, value <= last) if order.descending else (value > last, value >= last)
        )
        made = made.where(not_before, or_(beyond, older([key])))
    return made.order_by(value.desc() if order.descending else value.asc(), key.desc())


def _by_their_values(rows: list[tuple[Any, ...]]) -> Found:
    return Found([Place(row[:1], row[-1]) for row in rows], [row[:-1] for row in rows])


def _wanted(
    columns: Columns, shape: AllOf, driver: Driver | None, *, one_by_one: bool = False
) -> ColumnElement[bool]:
    """What has to hold of rows, along an index that may make sure of a part of it."""
    clauses, assured = Clauses(columns, one_by_one=one_by_one), None if driver is None else driver.assured
    return and_(true(), *[clauses.of(part) for part in shape.parts if part is not assured])


def limited(made: GenerativeSelect, columns: Columns) -> PreparedQuery:
    """A statement for rows that is asked for as many as are wanted."""
    return PreparedQuery(no_more(made, most()), columns.dialect)


def _wide() -> ColumnElement[int]:
    return filled(lambda given: given.most + _FIRST, BigInteger)


def _wide_on_server() -> ColumnElement[int]:
    return filled(lambda given: given.most + _FIRST_ON_SERVER, BigInteger)


def older(key: Key) -> ColumnElement[bool]:
    """Behind the row that a page goes on behind, where the newest come first."""
    first, *rest = key
    if not rest:
        return first < _behind(0)
    # The first half alone lets the index be entered at the right place.
    return and_(first <= _behind(0), or_(first < _behind(0), rest[0] < _behind(1)))


def _not_older(key: Key, bounds: Key) -> ColumnElement[bool]:
    first, *rest = key
    if not rest:
        return first >= bounds[0]
    return and_(first >= bounds[0], or_(first > bounds[0], rest[0] >= bounds[1]))


def _behind(part: int) -> ColumnElement[int]:
    return filled(lambda given: after(given).key[part], BigInteger)


def after(given: Parameters) -> Place:
    """The row that a page goes on behind; it has to be one that goes on."""
    assert given.after is not None  # else its question would be of another shape
    return given.after
