"""Searches of one database."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from heliograph.errors import StorageCorruptError
from heliograph.records.workflow import TaskRecord, WorkflowRecord
from heliograph.search.expressions import Condition, FromNow, Value
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.liveness import is_alive
from heliograph.storage.questions.listings import Listing, apart
from heliograph.storage.questions.queries import Queries
from heliograph.storage.remembering import by_identity
from heliograph.storage.searching.by_status import counted_by_status
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.groups import Group, groups, of_counts
from heliograph.storage.searching.over_time import Part, over_time
from heliograph.storage.searching.pages import Pages
from heliograph.storage.searching.places import Order, Place
from heliograph.storage.searching.prepared import Parameters
from heliograph.storage.searching.shapes import kind_of, shape_of
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import listed

T = TypeVar("T")
_STATUS: Final = [FieldKind.STATUS]
_SHAPES: Final = 128
"""Of so many shapes of questions statements are kept."""


class Sought(NamedTuple, Generic[T]):
    """A page of what was searched for.

    Attributes:
        listing: what is on it.
        last: the place behind which the next one begins; None: there is none.
    """

    listing: Listing[T]
    last: Place | None


class Search:
    """Searches; each is of one moment.

    Args:
        database: where.
        queries: reads what is found.
        clock: gives Unix seconds; a lease is measured against it.
    """

    def __init__(self, database: Database, queries: Queries, clock: Callable[[], float]) -> None:
        self._database = database
        self._queries = queries
        self._clock = clock
        self._holding = statements(database.kind, "queries").holding
        self._columns = {tasks: Columns(tasks, database.dialect) for tasks in (False, True)}
        # Not by equality: to Python, a condition with 1 in it equals one with True.
        self._shape_of = {
            tasks: by_identity(_SHAPES)(functools.partial(shape_of, tasks=tasks)) for tasks in (False, True)
        }
        self._pages = functools.lru_cache(_SHAPES)(Pages)

    @patient
    def workflows(
        self, condition: Condition | None, order: Order, after: Place | None, limit: int
    ) -> Sought[WorkflowRecord]:
        """Workflows for which a condition holds, so many at most, the damaged among them."""
        pages, values = self._asked(condition, False, order, after)
        try:
            sought = None
            if pages.is_first_alone:
                with self._database.read() as connection:
                    given = self._given(connection, values, after, limit + 1)
                    sought = self._among_first(connection, pages, given)
            if sought is None:
                with self._database.snapshot() as connection:
                    sought = self._sought(
                        connection, pages, self._given(connection, values, after, limit + 1)
                    )
            return sought
        except StorageCorruptError:
            with self._database.careful() as connection:
                places = pages.places(connection, self._given(connection, values, after, limit + 1))
                keys = [place.key[0] for place in places[:limit]]
                return Sought(apart(self._queries.carefully(connection, keys)), _last(places, limit))

    @patient
    def tasks(
        self, condition: Condition | None, order: Order, after: Place | None, limit: int
    ) -> Sought[tuple[str, TaskRecord]]:
        """Tasks with the ids of their workflows; otherwise as `workflows`."""
        pages, values = self._asked(condition, True, order, after)
        try:
            with self._database.snapshot() as connection:
                given = self._given(connection, values, after, limit + 1)
                first = pages.first(connection, given)
                places = pages.places(connection, given) if first is None else first.places
                with self._database.keeping_plans(connection):
                    records = self._queries.task_records(connection, _tasks(places[:limit]))
            return Sought(Listing(records), _last(places, limit))
        except StorageCorruptError:
            with self._database.careful() as connection:
                places = pages.places(connection, self._given(connection, values, after, limit + 1))
                looked_at = self._queries.tasks_carefully(connection, _tasks(places[:limit]))
                return Sought(apart(looked_at), _last(places, limit))

    @patient
    def groups(
        self, condition: Condition | None, by: Sequence[FieldAsked], of: Sequence[FieldAsked], tasks: bool
    ) -> list[Group]:
        """Workflows or tasks, counted by what they have in common."""
        if condition is None and not of and not tasks and [field.kind for field in by] == _STATUS:
            with self._database.read() as connection:
                return of_counts(counted_by_status(connection, self._database.kind, self._clock))
        shape, values = shape_of(condition, tasks)
        with self._database.snapshot() as connection:
            given = self._given(connection, values)
            return groups(connection, self._columns[tasks], shape, given, by, of)

    @patient
    def over_time(self, condition: Condition | None, parts: int) -> list[Part]:
        """Workflows, counted by when they were submitted."""
        shape, values = shape_of(condition, False)
        with self._database.snapshot() as connection:
            given = self._given(connection, values)
            return over_time(connection, self._columns[False], shape, given, parts)

    @patient
    def explained(self, condition: Condition | None, order: Order, tasks: bool, limit: int) -> list[str]:
        """How the database goes about a page: a line a step."""
        pages, values = self._asked(condition, tasks, order, None)
        with self._database.snapshot() as connection:
            told = pages.told(connection, self._given(connection, values, None, limit))
            return self._database.explained(connection, *told)

    def _among_first(
        self, connection: Connection, pages: Pages, given: Parameters
    ) -> Sought[WorkflowRecord] | None:
        found = pages.first(connection, given)
        if found is None or found.recorded is None:
            return None
        return _page(found.places, self._queries.made(connection, found.recorded), given)

    def _sought(self, connection: Connection, pages: Pages, given: Parameters) -> Sought[WorkflowRecord]:
        with self._database.keeping_plans(connection):
            sought = None if pages.is_first_alone else self._among_first(connection, pages, given)
        if sought is not None:
            return sought
        places = pages.places(connection, given)
        with self._database.keeping_plans(connection):
            records = self._queries.records(connection, [place.key[0] for place in places])
        return _page(places, records, given)

    def _asked(
        self, condition: Condition | None, tasks: bool, order: Order, after: Place | None
    ) -> tuple[Pages, list[Value]]:
        shape, values = self._shape_of[tasks](condition)
        behind = None if after is None else kind_of(after.value)
        return self._pages(self._columns[tasks], shape, order, behind), values

    def _given(
        self, connection: Connection, values: Sequence[Value], after: Place | None = None, most: int = 0
    ) -> Parameters:
        # Read once for a question, if that matters to it.
        alive = functools.cache(functools.partial(self._owners_there, connection))
        return Parameters(self._reckoned(values), alive, most, after)

    def _reckoned(self, values: Sequence[Value]) -> Sequence[Value]:
        """Values as they are at this moment: conditions are kept, and asked again later."""
        if FromNow not in map(type, values):
            return values
        now = self._clock()
        return [now + value.seconds if isinstance(value, FromNow) else value for value in values]

    def _owners_there(self, connection: Connection) -> object:
        now = self._clock()
        holding = self._holding.ask(connection, of_now=now)
        return listed([row.owner_id for row in holding if is_alive(row, now)], self._database.kind)


def _page(
    places: Sequence[Place], records: list[WorkflowRecord], given: Parameters
) -> Sought[WorkflowRecord]:
    limit = given.most - 1  # one more was asked for: it tells that there is another page
    return Sought(Listing(records[:limit]), _last(places, limit))


def _last(places: Sequence[Place], limit: int) -> Place | None:
    return places[limit - 1] if len(places) > limit else None


def _tasks(places: Sequence[Place]) -> list[tuple[int, int]]:
    return [(place.key[0], place.key[1]) for place in places]
