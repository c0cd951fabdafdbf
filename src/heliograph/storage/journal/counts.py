"""How many workflows have ended, by status: kept, since to count a million takes too long.

What is active is counted when somebody asks: there are few of those, and which of them are RESUMABLE is known
only then. So a workflow that is submitted, that starts or that goes on costs nothing here.

Each transaction adds what it changed to rows of one shard, at its end. Only sums mean anything: what one
engine counted is taken away in another shard by whoever deletes it. Engines on one server thus seldom wait
for each other; and one that does has all its other locks by then, so that it can't be a part of a deadlock.
"""

from __future__ import annotations

import random
from typing import Final

from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements

_SHARDS: Final = 32


class Tally(dict[WorkflowStatus, int]):
    """What one transaction changes: by how many there are more of each status."""

    def move(self, before: WorkflowStatus | None, after: WorkflowStatus | None) -> None:
        """A workflow's stored status changed; None: it was not stored before, or is not any more."""
        for status, more in ((before, -1), (after, 1)):
            if status is not None and status not in ACTIVE:
                self[status] = self.get(status, 0) + more


class Counts:
    """Keeps the counts, in one shard.

    Args:
        kind: of database.
    """

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "counts")
        self._shard = random.randrange(_SHARDS)

    def add(self, connection: Connection, tally: Tally) -> None:
        """Count what a transaction changed: the last that it does."""
        # In order, so that of two in one shard neither has what the other one waits for.
        changed = sorted([(str(status), more) for status, more in tally.items() if more])
        if changed:
            self._statements.add.put(connection, [(self._shard, status, more) for status, more in changed])


def recount(connection: Connection) -> None:
    """Count all workflows anew, after many came in at once."""
    write = statements(connection.dialect.name, "counts")
    write.clear.tell(connection, {})
    write.recount.tell(connection, {})
