"""Claiming a stored workflow: of all who want to resume it, one gets it."""

from __future__ import annotations

from typing import Any

from heliograph.records.attempt import StoredValue
from heliograph.records.status import ACTIVE, AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.records.workflow import Owner
from heliograph.storage import rows
from heliograph.storage.entries import Accepted, Claim, Refused
from heliograph.storage.journal.changelog import Changelog
from heliograph.storage.journal.counts import Tally
from heliograph.storage.journal.deaths import Deaths
from heliograph.storage.journal.submissions import run_row
from heliograph.storage.liveness import derived_status, is_alive
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.numbers import counted_so_far


class Claims:
    """Takes workflows over, each within a transaction of the journal."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "claims")
        self._deaths = Deaths(kind)
        self._changelog = Changelog(kind)

    def claim(
        self, connection: Connection, claim: Claim, owner: Owner, now: float, tally: Tally
    ) -> Accepted | Refused:
        """Make the workflow the owner's, with a new run.

        Refused while an owner has it, and where its output is stored: then there is nothing to run.

        One that was handed in, and that nobody had yet, goes on with its first run. Else what the run before
        left open is closed: it reads RESUMABLE, its open attempts LOST. Tasks that did not succeed are
        PENDING again, but for those that failed in a continuation: whether that was caught, the new run sees.
        """
        found = self._statements.find.ask(connection, of_id=claim.workflow_id).first()
        if found is None:
            return Refused(None)
        stored = WorkflowStatus(found.status)
        status = derived_status(stored, rows.owner_record(found), now)
        if claim.limit is not None and self._running_now(connection, now) >= claim.limit:
            return Refused(WorkflowStatus.PENDING)
        if (
            status is WorkflowStatus.PENDING
            and found.owner_id is None
            and claim.reason is RunReason.RECOVERED
        ):
            return self._adopt(connection, found, claim, owner)
        if status in ACTIVE:
            return Refused(status)
        if claim.most_deaths is not None and status is WorkflowStatus.RESUMABLE:
            deaths = self._deaths.count(connection, found.key)
            if deaths >= claim.most_deaths:
                self._give_up(connection, found, claim, deaths)
                tally.move(stored, WorkflowStatus.FAILED)
                return Refused(WorkflowStatus.FAILED)
        if status is WorkflowStatus.SUCCESSFUL and (output := self._output_of(connection, found)):
            return Refused(status, output)
        tally.move(stored, claim.status)
        return self._take_over(connection, found, claim, owner)

    def _take_over(self, connection: Connection, found: Any, claim: Claim, owner: Owner) -> Accepted:
        """Begin another run, and close the one before."""
        run = counted_so_far(found.run, "workflows", "run", found.key) + 1
        self._statements.take.tell(connection, _taken(found, run, claim, owner))  # locked since it was found
        of_workflow = {"of_workflow": found.key}
        lost_run = {"of_run": found.run, "status": WorkflowStatus.RESUMABLE.value}
        self._statements.end_lost_run.tell(connection, of_workflow | lost_run)
        self._close(connection, found.key)
        reused = self._statements.reuse.changed(connection, of_workflow | {"reused_in": run})
        self._statements.run.tell(
            connection,
            run_row(
                found.key,
                run=run,
                reason=_reason(claim, WorkflowStatus(found.status)),
                status=claim.status,
                owner=owner,
                provenance=claim.provenance,
                now=claim.created_time,
                reused=reused,
            ),
        )
        self._changelog.note_run(connection, found.key, run, claim.status, claim.created_time)
        return Accepted(found.key, run)

    def _give_up(self, connection: Connection, found: Any, claim: Claim, deaths: int) -> None:
        """The run that its engine left is the last one that anybody begins unasked: it failed."""
        failed = {"status": WorkflowStatus.FAILED.value, "end_time": claim.created_time}
        self._statements.give_up.tell(connection, _as_found(found) | failed)
        error = self._deaths.error(rows.owner_record(found), deaths)
        of_run = {"of_workflow": found.key, "of_run": found.run}
        self._statements.end_run.tell(connection, of_run | failed | error)
        self._close(connection, found.key)
        self._changelog.note_run(connection, found.key, found.run, WorkflowStatus.FAILED, claim.created_time)

    def _close(self, connection: Connection, key: int) -> None:
        """Nothing runs of it any more; what did not succeed is to do."""
        of_workflow = {"of_workflow": key}
        self._statements.end_lost_attempts.tell(
            connection, of_workflow | {"status": AttemptStatus.LOST.value}
        )
        self._statements.reset.tell(connection, of_workflow | {"status": TaskStatus.PENDING.value})
        counts = {
            TaskStatus(row.status): row.tasks
            for row in self._statements.counts.ask(connection, **of_workflow)
        }
        self._statements.count.tell(connection, {"of_key": key, "progress": rows.progress_json(counts)})

    def _adopt(self, connection: Connection, found: Any, claim: Claim, owner: Owner) -> Accepted:
        """Begin the first run of a workflow that was handed in; its row is locked."""
        taken = _taken(found, found.run, claim, owner)
        self._statements.take.tell(connection, taken)
        self._statements.adopt_run.tell(connection, taken | {"of_workflow": found.key})
        if claim.status is WorkflowStatus.RUNNING:
            self._changelog.note_run(connection, found.key, found.run, claim.status, claim.created_time)
        return Accepted(found.key, found.run)

    def _running_now(self, connection: Connection, now: float) -> int:
        """How many workflows run, over all engines that are there."""
        counted = self._statements.running.ask(connection)
        return sum(row.workflows for row in counted if is_alive(rows.owner_record(row), now))

    def _output_of(self, connection: Connection, found: Any) -> StoredValue | None:
        row = self._statements.output.ask(
            connection, of_workflow=found.key, of_task=found.output_task
        ).first()
        return None if row is None else rows.value_with_data(row)


def _as_found(found: Any) -> dict[str, Any]:
    return {"of_key": found.key, "of_run": found.run, "of_status": found.status}


def _taken(found: Any, run: int, claim: Claim, owner: Owner) -> dict[str, Any]:
    """What a workflow becomes, where it still is as it was found."""
    return _as_found(found) | {
        "run": run,
        "status": claim.status.value,
        "owner": owner.owner_id,
        "start_time": claim.created_time if claim.status is WorkflowStatus.RUNNING else None,
        "end_time": None,
    }


def _reason(claim: Claim, before: WorkflowStatus) -> RunReason:
    if claim.reason is RunReason.RESUME and before is WorkflowStatus.FAILED:
        return RunReason.RETRY
    return claim.reason
