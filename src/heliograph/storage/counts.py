"""How many workflows have ended, by status: kept, since to count a million takes too long.

What is active is counted when somebody asks: there are few of those, and which of them are RESUMABLE is known
only then. So a workflow that is submitted, that starts or that goes on costs nothing here.

Each transaction adds what it changed to rows of one shard, at its end. Only sums mean anything: what one
engine counted is taken away in another shard by who deletes it. Engines on one server thus seldom wait for
each other; and one that does has all its other locks by then, so that it can't be a part of a deadlock.
"""

from __future__ import annotations

import random
from typing import Final

from sqlalchemy import Connection, Dialect, delete, func, insert, literal, select

from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.storage import schema
from heliograph.storage.statements import Prepared, constants, inserting

_SHARDS: Final = 32


class Tally:
    """What one transaction changes.

    Attributes:
        more: by how many there are more of each status.
    """

    __slots__ = ("more",)

    def __init__(self) -> None:
        self.more: dict[WorkflowStatus, int] = {}

    def move(self, before: WorkflowStatus | None, after: WorkflowStatus | None) -> None:
        """A workflow's stored status changed; None: it was not stored before, or is not any more."""
        for status, more in ((before, -1), (after, 1)):
            if status is not None and status not in ACTIVE:
                self.more[status] = self.more.get(status, 0) + more


class Counts:
    """Keeps them, in one shard.

    Args:
        dialect: of the database.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._shard = random.randrange(_SHARDS)
        counts = schema.workflow_counts
        add = inserting(counts, dialect)
        self._add = Prepared(
            add.on_conflict_do_update(
                index_elements=["shard", "status"],
                set_={"workflows": counts.c.workflows + add.excluded.workflows},
            ),
            dialect,
            counts.c.keys(),
        )

    def add(self, connection: Connection, tally: Tally) -> None:
        """Count what a transaction changed: the last that it does."""
        # In order, so that of two in one shard neither has what the other one waits for.
        changed = sorted((status.value, more) for status, more in tally.more.items() if more)
        if changed:
            self._add.put(connection, [(self._shard, status, more) for status, more in changed])


def recount(connection: Connection) -> None:
    """Count them all anew: where many came in at once."""
    counts, workflows = schema.workflow_counts, schema.workflows
    connection.execute(delete(counts))
    counted = (
        select(literal(0), workflows.c.status, func.count())
        .where(workflows.c.status.not_in(constants(ACTIVE)))
        .group_by(workflows.c.status)
    )
    connection.execute(insert(counts).from_select(counts.c.keys(), counted))
