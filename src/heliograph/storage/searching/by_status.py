"""How many workflows read each status: what every page of the web app asks for."""

from __future__ import annotations

from collections.abc import Callable

from heliograph.records.status import WorkflowStatus
from heliograph.storage.liveness import Presence
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements


class ByStatus:
    """Counts them: those that ended as they are kept, the others by who has them.

    Args:
        kind: of database.
        clock: gives Unix seconds; a lease is measured against it.
    """

    def __init__(self, kind: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._statements = statements(kind, "counts")

    def counted(self, connection: Connection) -> dict[WorkflowStatus, int]:
        """By status, where there are any; on a snapshot."""
        presence, counted = Presence(self._clock), dict[WorkflowStatus, int]()
        for row in self._statements.active.ask(connection):
            status = presence.status(WorkflowStatus(row.status), row.owner, row)
            counted[status] = counted.get(status, 0) + row.workflows
        for row in self._statements.ended.ask(connection):
            if row.workflows:  # a sum of what many added and took away
                counted[WorkflowStatus(row.status)] = int(row.workflows)
        return counted
