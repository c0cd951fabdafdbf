"""Workflows that no engine has: handed in for any of them to take, or left by one that is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.databases.news import Notice
from heliograph.storage.entries import Accepted, Refused, Submission, Unstored
from heliograph.storage.journal.submissions import Submissions
from heliograph.storage.liveness import is_alive
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import listed

_ENGINE: Final = "embedded"


class Handover:
    """Hands workflows from one engine, or from nobody, to the next.

    Args:
        database: where they are stored.
        clock: gives Unix seconds.
        lease_clock: gives Unix seconds; leases are measured against it.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float], lease_clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease_clock = lease_clock
        self._submissions = Submissions(database.kind)
        self._statements = statements(database.kind, "handover")

    def hand_in(
        self, submission: Submission, most_pending: int | None
    ) -> Accepted | Refused | Unstored | None:
        """Store a workflow for any engine to take.

        Args:
            submission: the workflow; PENDING.
            most_pending: how many may wait so; None: any number.

        Returns:
            As `Submissions.store`; None: so many wait already.

        Raises:
            StorageError: it can't be stored.
        """
        ask = self._statements
        # Of a first try nobody may ever have heard whether it was committed: then the id is taken, by it.
        mine = {"of_id": submission.workflow_id, "of_time": submission.created_time}
        tries = 0

        def hand_in() -> Accepted | Refused | Unstored | None:
            nonlocal tries
            tries += 1
            with self._database.write() as connection:
                new = {submission.workflow_id}
                self._database.lock(connection, new=new, queue=most_pending is not None)
                if tries > 1 and (key := ask.mine.ask(connection, **mine).scalar_one_or_none()) is not None:
                    return Accepted(key, 1)
                if most_pending is not None and ask.waiting.ask(connection).scalar_one() >= most_pending:
                    return None
                return self._submissions.store(connection, submission, None, self._clock())

        answer = self._database.again(hand_in)
        self._database.news.tell(Notice(unowned=True))
        return answer

    def unowned(self, most: int, *, handed_in: bool) -> list[str]:
        """Ids of workflows that an engine may take: those that ran before those that waited, oldest first.

        Args:
            most: so many at most.
            handed_in: those that were handed in too, and not only those that lost their engine.
        """
        now = self._lease_clock()
        with self._database.read() as connection:
            # Whether an engine is gone that can't be understood nobody knows: what it has is not taken over.
            owners = [rows.owner_record(row) for row in self._statements.held.ask(connection).sound()]
            gone = [
                owner.owner_id
                for owner in owners
                if owner is not None and owner.engine == _ENGINE and not is_alive(owner, now)
            ]
            if not gone and not handed_in:
                return []
            wanted = self._statements.unowned if handed_in else self._statements.lost
            found = wanted.ask(connection, gone=listed(gone, self._database.kind), most=most)
            return [row.workflow_id for row in found.sound()]
