"""How many workflows read each status: what every page of the web app asks for."""

from __future__ import annotations

from collections.abc import Callable

from heliograph.records.status import WorkflowStatus
from heliograph.storage.liveness import Presence
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements


def counted_by_status(
    connection: Connection, kind: str, clock: Callable[[], float]
) -> dict[WorkflowStatus, int]:
    """How many there are of each: those that ended as they are kept, the others by who has them.

    Args:
        connection: one that reads.
        kind: of database.
        clock: gives Unix seconds; a lease is measured against it.
    """
    presence, counted = Presence(clock), dict[WorkflowStatus, int]()
    for row in statements(kind, "counts").by_status.ask(connection):
        status = presence.status(WorkflowStatus(row.status), row.owner, row)
        if row.workflows:  # a sum of what many added and took away
            counted[status] = counted.get(status, 0) + int(row.workflows)
    return counted
