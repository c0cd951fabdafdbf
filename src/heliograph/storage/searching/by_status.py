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
        connection: on a snapshot.
        kind: of database.
        clock: gives Unix seconds; a lease is measured against it.
    """
    read = statements(kind, "counts")
    presence, counted = Presence(clock), dict[WorkflowStatus, int]()
    for row in read.active.ask(connection):
        status = presence.status(WorkflowStatus(row.status), row.owner, row)
        counted[status] = counted.get(status, 0) + row.workflows
    for row in read.ended.ask(connection):
        if row.workflows:  # a sum of what many added and took away
            counted[WorkflowStatus(row.status)] = int(row.workflows)
    return counted
