"""Searches of one database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import bindparam, select

from heliograph.records.workflow import TaskRecord, WorkflowRecord
from heliograph.search.expressions import Condition
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage import schema
from heliograph.storage.connection import Connection
from heliograph.storage.database import Database
from heliograph.storage.liveness import is_alive
from heliograph.storage.queries import Queries
from heliograph.storage.searching.by_status import ByStatus
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.groups import Group, groups, of_counts
from heliograph.storage.searching.over_time import Part, over_time
from heliograph.storage.searching.pages import Order, Place, places, statement_of
from heliograph.storage.statements import Prepared

_STATUS: Final = [FieldKind.STATUS]


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
        self._by_status = ByStatus(database.dialect, clock)
        held = select(schema.owners).where(schema.owners.c.lease_until >= bindparam("of_now"))
        self._held = Prepared(held, database.dialect)

    def workflows(
        self, condition: Condition | None, order: Order, after: Place | None, limit: int
    ) -> list[tuple[Place, WorkflowRecord]]:
        """Workflows for which a condition holds; each with its place, to go on behind."""
        with self._database.snapshot() as connection:
            columns = self._columns(connection, tasks=False)
            found = places(connection, columns, condition, order, after, limit)
            records = self._queries.records(connection, [place.key[0] for place in found])
        return list(zip(found, records, strict=True))

    def tasks(
        self, condition: Condition | None, order: Order, after: Place | None, limit: int
    ) -> list[tuple[Place, str, TaskRecord]]:
        """Tasks, with their places and the ids of their workflows."""
        with self._database.snapshot() as connection:
            columns = self._columns(connection, tasks=True)
            found = places(connection, columns, condition, order, after, limit)
            keys = [(place.key[0], place.key[1]) for place in found]
            records = self._queries.task_records(connection, keys)
        return [(place, *record) for place, record in zip(found, records, strict=True)]

    def groups(
        self, condition: Condition | None, by: Sequence[FieldAsked], of: Sequence[FieldAsked], tasks: bool
    ) -> list[Group]:
        """Workflows or tasks, counted by what they have in common."""
        with self._database.snapshot() as connection:
            if condition is None and not of and not tasks and [field.kind for field in by] == _STATUS:
                return of_counts(self._by_status.counted(connection))
            return groups(connection, self._columns(connection, tasks), condition, by, of)

    def over_time(self, condition: Condition | None, parts: int) -> list[Part]:
        """Workflows, counted by when they were submitted."""
        with self._database.snapshot() as connection:
            return over_time(connection, self._columns(connection, tasks=False), condition, parts)

    def explained(self, condition: Condition | None, order: Order, tasks: bool, limit: int) -> list[str]:
        """How the database goes about a page: a line a step."""
        with self._database.snapshot() as connection:
            columns = self._columns(connection, tasks)
            statement = statement_of(connection, columns, condition, order, None).limit(limit)
            text = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
            return self._database.explained(connection, str(text))

    def _columns(self, connection: Connection, tasks: bool) -> Columns:
        def alive() -> list[str]:
            now = self._clock()
            return [row.owner_id for row in self._held.ask(connection, of_now=now) if is_alive(row, now)]

        return Columns(tasks, alive, plain=connection.dialect.name != "sqlite")
