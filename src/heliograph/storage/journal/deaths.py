"""Engines that died with a workflow, one after the other: it may be what kills them."""

from __future__ import annotations

import pickle
from typing import Any

from heliograph.errors import WorkerDiedError
from heliograph.records.status import RunReason
from heliograph.records.type_names import dotted
from heliograph.records.workflow import Owner
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements


class Deaths:
    """Counts deaths of engines, within the transaction of a claim."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "deaths")

    def count(self, connection: Connection, key: int) -> int:
        """How many engines in a row died with a workflow, the last one among them.

        Of the runs since a task succeeded, back to the last one that was not taken over unasked. An engine
        that gave its lease up ended well, and ends the row. 0 where no task is at work: a workflow that only
        sleeps or waits harms nobody.
        """
        if not self._statements.at_work.ask(connection, of_workflow=key).scalar_one():
            return 0
        last_good = self._statements.last_good.ask(connection, of_workflow=key).scalar_one() or 0
        deaths = 0
        for row in self._statements.runs.ask(connection, of_workflow=key, of_run=last_good).all():
            if not row.lease_until:
                break
            deaths += 1
            if row.reason != RunReason.RECOVERED:
                break
        return deaths

    def error(self, last: Owner | None, deaths: int) -> dict[str, Any]:
        """What the run that is given up failed with, as columns of its row."""
        who = "" if last is None else f", the last of them process {last.pid} on {last.host}"
        times = "time" if deaths == 1 else "times in a row"
        message = (
            f"the engine that had the workflow died {deaths} {times}{who}, and no task of it succeeded "
            "meanwhile: it is not taken over any more. Look at what these processes said last (a task may "
            "kill them); then `heliograph resume` goes on with it."
        )
        return {
            "error_type": dotted(WorkerDiedError),
            "error_message": message,
            "error": pickle.dumps(WorkerDiedError(message)),
        }
