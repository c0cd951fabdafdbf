"""How many workflows read each status: what every page of the web app asks for."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Dialect, func, select

from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.storage import schema
from heliograph.storage.connection import Connection
from heliograph.storage.liveness import Presence
from heliograph.storage.owners import PRESENCE_COLUMNS, with_owner
from heliograph.storage.rendered import statements
from heliograph.storage.statements import Prepared, constants


class ByStatus:
    """Counts them: those that ended as they are kept, the others by who has them.

    Args:
        dialect: of the database.
        clock: gives Unix seconds; a lease is measured against it.
    """

    def __init__(self, dialect: Dialect, clock: Callable[[], float]) -> None:
        self._clock = clock
        workflows = schema.workflows
        self._ended = statements(dialect.name, "counts").ended
        self._active = Prepared(
            select(workflows.c.status, func.count().label("workflows"), *PRESENCE_COLUMNS)
            .select_from(with_owner())
            .where(workflows.c.status.in_(constants(ACTIVE)))
            .group_by(workflows.c.status, *PRESENCE_COLUMNS),
            dialect,
        )

    def counted(self, connection: Connection) -> dict[WorkflowStatus, int]:
        """By status, where there are any; on a snapshot."""
        presence, counted = Presence(self._clock), dict[WorkflowStatus, int]()
        for row in self._active.ask(connection):
            status = presence.status(WorkflowStatus(row.status), row.owner, row)
            counted[status] = counted.get(status, 0) + row.workflows
        for row in self._ended.ask(connection):
            if row.workflows:  # a sum of what many added and took away
                counted[WorkflowStatus(row.status)] = int(row.workflows)
        return counted
