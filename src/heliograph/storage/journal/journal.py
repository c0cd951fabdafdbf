"""The journal: the one writer of what engines do.

All news since the last commit go in with one transaction: outputs, records, statuses and counters of every
run that has any. Nobody is told that a thing is stored before that transaction is committed.

Each run's news are written only if the workflow is still active with that run's number (its fence). It is not
after a cancellation, and not after another engine has taken the workflow over; then no output of it is
written, and the engine is told that it lost the run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final, NamedTuple

from heliograph.graph.frozen import record
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.workflow import Owner
from heliograph.storage import rows
from heliograph.storage.databases.backend import NotAsHopedError
from heliograph.storage.databases.clocks import steady_seconds
from heliograph.storage.databases.database import Database
from heliograph.storage.databases.news import Notice
from heliograph.storage.entries import (
    Accepted,
    AttemptEntry,
    Claim,
    Ending,
    Refused,
    RunChanges,
    Submission,
    Unstored,
)
from heliograph.storage.journal.changelog import Changelog, run_story, story_row
from heliograph.storage.journal.claims import Claims
from heliograph.storage.journal.counts import Counts, Tally
from heliograph.storage.journal.reports import Reports
from heliograph.storage.journal.submissions import Submissions
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.statements.bulk import LEAST
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import Row, listed
from heliograph.storage.tables.layout import Role

_MEET: Final = 2  # so many workflows, of which another transaction may hold one and wait for the other
_MOST_HOPED: Final = 4  # runs in a commit that hopes; commits of more have seldom the same statements
_CROWDED_SECONDS: Final = 0.005
"""What a few statements take that have to get Python's lock back from a thread that computes."""
_CROWDED_FOR_SECONDS: Final = 1.0
_LEAST_SECONDS: Final = 1e-5  # by which two times of this century differ as numbers


class _Hopes(NamedTuple):
    """What a transaction takes for granted, and need not ask: that fences hold, and that ids are free.

    Where that is wrong, all of it is undone, and done again with questions.

    Attributes:
        key: for the new workflow, if there is one.
    """

    key: int | None


@record
class Batch:
    """All that waits to be written.

    Attributes:
        entries: new and resumed workflows, in order of arrival.
        changes: news of runs.
        lease_until: renew the owner's lease up to then; None: not now.
    """

    entries: Sequence[Submission | Claim]
    changes: Sequence[RunChanges]
    lease_until: float | None = None


Answer = Accepted | Refused | Unstored


@record
class Committed:
    """What became of a batch.

    Attributes:
        answers: to each entry, in order; what is not accepted left nothing behind.
        lost: (workflow, run) of which no news were written, since the run is not this engine's any more.
        names: of the tasks that continuations added: by workflow, then by the number of the first of them.
    """

    answers: Sequence[Answer]
    lost: frozenset[tuple[int, int]]
    names: Mapping[int, Mapping[int, tuple[str, ...]]]


class Journal:
    """Writes for one owner.

    Args:
        database: where to.
        owner: the engine that writes.
        clock: gives Unix seconds.
        lease_clock: gives those that leases are measured by.
        facts: what becomes known of the owner's code only later, as JSON; empty: nothing; None: nothing yet.
    """

    def __init__(
        self,
        database: Database,
        owner: Owner,
        clock: Callable[[], float],
        lease_clock: Callable[[], float],
        facts: Callable[[], str | None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease_clock = lease_clock
        self._owner = owner
        self._is_remote = database.is_remote
        self._statements = statements(database.kind, "journal")
        self._submissions = Submissions(database.kind)
        self._crowded_until = 0.0  # other threads want Python's lock: as few statements as can be
        self._claims = Claims(database.kind)
        self._counts = Counts(database.kind)
        self._reports = Reports(database.kind)
        self._changelog = Changelog(database.kind)
        self._registered = False
        self._lease_until = 0.0
        self._facts = facts
        self._has_facts = False

    def commit(self, batch: Batch) -> Committed:
        """Write a batch in one transaction.

        A server that goes away is waited for. Whether it had done the commit is then seen by the lease, which
        each commit there puts off.

        Raises:
            StorageError: nothing of it is written; or the server does not come back, and nobody knows.
        """
        if self._is_remote:
            committed, found_out = self._commit_remotely(batch)
        else:
            committed, found_out = self._commit_here(batch)
        self._registered, self._has_facts = True, found_out
        if self._database.news.is_wanted:
            self._tell(batch, committed)
        return committed

    def _commit_here(self, batch: Batch) -> tuple[Committed, bool]:
        began = steady_seconds()
        is_crowded = began < self._crowded_until
        if is_crowded and _is_small(batch) and (hopes := self._hopes_for(batch, _MOST_HOPED)) is not None:
            with contextlib.suppress(NotAsHopedError):
                return self._database.written(partial(self._store, batch=batch, hopes=hopes), hopes=True)
        return self._database.written(partial(self._store, batch=batch, began=began))

    def _commit_remotely(self, batch: Batch) -> tuple[Committed, bool]:
        if not self._registered:
            self._register(self._marked(Batch([], [])))
        marked = self._marked(batch)
        tried: list[tuple[Committed, bool]] = []

        def store(connection: Connection, hopes: _Hopes | None) -> tuple[Committed, bool]:
            if not (tried and self._is_stored(connection, marked)):
                tried.append(self._store(connection, marked, hopes))
            return tried[-1]

        # Several runs are locked before anything else.
        if (hopes := self._hopes_for(batch, most=len(batch.changes))) is not None:
            with contextlib.suppress(NotAsHopedError):
                return self._database.again(
                    lambda: self._database.written(partial(store, hopes=hopes), hopes=True)
                )
        if batch.entries:
            self._database.drop_keys()
        return self._database.again(lambda: self._database.written(partial(store, hopes=None)))

    def _hopes_for(self, batch: Batch, most: int) -> _Hopes | None:
        """What may be hoped of a batch with at most so many changes; None: it is to be asked."""
        if len(batch.changes) > most or len(batch.entries) > 1:
            return None
        if not all(isinstance(entry, Submission) for entry in batch.entries):
            return None
        return _Hopes(self._database.again(self._database.new_key) if batch.entries else None)

    def _tell(self, batch: Batch, committed: Committed) -> None:
        lost = frozenset(
            [
                answer.key
                for entry, answer in zip(batch.entries, committed.answers, strict=True)
                if isinstance(entry, Claim) and isinstance(answer, Accepted)
            ]
        )
        changed = frozenset([changes.key for changes in batch.changes])
        if lost or changed:
            self._database.news.tell(Notice(changed | lost, lost))

    def _marked(self, batch: Batch) -> Batch:
        """The batch with a lease that tells it from those before."""
        wanted = batch.lease_until or self._lease_clock() + LEASE_SECONDS
        self._lease_until = max(wanted, self._lease_until + _LEAST_SECONDS)
        return Batch(batch.entries, batch.changes, self._lease_until)

    def _register(self, batch: Batch) -> None:
        """Store the owner by itself: a commit of its own row can be looked for."""

        def register(connection: Connection) -> None:
            if not self._is_stored(connection, batch):
                self._renew(connection, batch)

        self._database.again(lambda: self._database.written(register))
        self._registered = True

    def _is_stored(self, connection: Connection, batch: Batch) -> bool:
        """Whether a batch was committed by an earlier try; one that is being committed is waited for."""
        row = self._statements.lease.ask(connection, of_owner=self._owner.owner_id).first()
        return row is not None and row.lease_until == batch.lease_until

    def close(self) -> None:
        """Give the lease up: what this owner still has reads RESUMABLE at once."""
        if self._registered:
            with self._database.write() as connection:
                if not self._has_facts:
                    self._find_out(connection)
                self._statements.renew.tell(
                    connection, {"lease_until": 0.0, "of_owner": self._owner.owner_id}
                )
            self._database.news.tell(Notice(unowned=True))

    def _store(
        self,
        connection: Connection,
        batch: Batch,
        hopes: _Hopes | None = None,
        began: float | None = None,
    ) -> tuple[Committed, bool]:
        """Write a batch.

        Args:
            connection: in a transaction.
            batch: what there is to write.
            hopes: that fences will hold and ids are free; where they do not, the transaction is undone.
            began: by the steady clock, where it matters how long the statements take.
        """
        if self._is_remote:  # else who writes has locked all there is
            self._lock(connection, batch)
        if batch.lease_until is not None or not self._registered:
            self._renew(connection, batch)
        found_out = self._has_facts or self._find_out(connection)
        tally = Tally()
        answers = [self._enter(connection, entry, tally, hopes) for entry in batch.entries]
        if hopes is not None and answers and batch.changes:
            self._database.apart(connection)  # a new workflow's rows, and those of another
        lost = set()
        names: dict[int, dict[int, tuple[str, ...]]] = {}
        now = self._clock() if batch.changes else 0.0
        held: list[RunChanges] = []
        if hopes is not None:
            held += batch.changes
            self._expect(connection, held, now)
        else:
            for changes in batch.changes:
                if self._holds(connection, changes, now):
                    held.append(changes)
                else:
                    self._write_remains(connection, changes, now)
                    lost.add((changes.key, changes.run))
        for changes in held:
            if changes.expansions:
                names[changes.key] = dict(self._expand(connection, changes))
            if changes.ending is not None:
                tally.move(WorkflowStatus.RUNNING, changes.ending.status)
        if held:
            self._write(connection, held, now)
        if tally:
            self._counts.add(connection, tally)
        is_slow = began is not None and steady_seconds() - began > _CROWDED_SECONDS
        if is_slow and _is_small(batch):
            self._crowded_until = steady_seconds() + _CROWDED_FOR_SECONDS
        return Committed(answers, frozenset(lost), names), found_out

    def _lock(self, connection: Connection, batch: Batch) -> None:
        claims = [entry for entry in batch.entries if isinstance(entry, Claim)]
        if not claims and len(batch.entries) < _MEET and len(batch.changes) < _MEET:
            return  # the fence locks the one there is; storing one waits for nobody who waits for it
        self._database.lock(
            connection,
            keys={changes.key for changes in batch.changes},
            ids={claim.workflow_id for claim in claims},
            new={entry.workflow_id for entry in batch.entries if isinstance(entry, Submission)},
            queue=any(claim.limit is not None for claim in claims),
        )

    def _renew(self, connection: Connection, batch: Batch) -> None:
        if not self._registered:
            self._statements.register.tell(connection, _owner_row(self._owner, batch.lease_until))
        else:
            self._statements.renew.tell(
                connection, {"lease_until": batch.lease_until, "of_owner": self._owner.owner_id}
            )

    def _find_out(self, connection: Connection) -> bool:
        """Write what has become known of the owner's code; whether there is no more to be known."""
        if (facts := self._facts()) is None:
            return False
        if facts:
            self._statements.find_out.tell(connection, {"code": facts, "of_owner": self._owner.owner_id})
        return True

    def _enter(
        self, connection: Connection, entry: Submission | Claim, tally: Tally, hopes: _Hopes | None
    ) -> Answer:
        if isinstance(entry, Submission):
            key = None if hopes is None else hopes.key
            return self._submissions.store(connection, entry, self._owner, self._clock(), key)
        return self._claims.claim(connection, entry, self._owner, self._lease_clock(), tally)

    def _holds(self, connection: Connection, changes: RunChanges, now: float) -> bool:
        """Move the run's own row; False where it is not this engine's any more."""
        statement = self._statements.move if _moves(changes) else self._statements.hold
        return statement.changed(connection, _fence(changes, now)) == 1

    def _expect(self, connection: Connection, held: Sequence[RunChanges], now: float) -> None:
        """As `_holds`, of runs that are hoped to be this engine's."""
        moved = [_fence(changes, now) for changes in held if _moves(changes)]
        self._statements.move.expect(connection, *moved)
        if len(moved) < len(held):
            if moved:
                self._database.apart(connection)
            others = [_fence(changes, now) for changes in held if not _moves(changes)]
            self._statements.hold.expect(connection, *others)

    def _expand(self, connection: Connection, changes: RunChanges) -> Iterator[tuple[int, tuple[str, ...]]]:
        for expansion in changes.expansions:
            yield expansion.first, self._submissions.expand(connection, changes.key, expansion)

    def _write(self, connection: Connection, held: Sequence[RunChanges], now: float) -> None:
        """Write news of runs that are this engine's: each statement once, for all of them."""
        write = self._statements
        attempts: list[tuple[Any, ...]] = []
        outputs: list[tuple[Any, ...]] = []
        marks: list[Row] = []
        stories: list[Row] = []
        ends: list[Row] = []
        for changes in held:
            key = changes.key
            marks += self._marks(connection, key, changes.tasks)
            attempts += [
                rows.attempt_row(key, changes.run, now, attempt) for attempt in changes.attempts.values()
            ]
            outputs += [
                rows.value_row(key, task, Role.OUTPUT, value) for task, value in changes.outputs.items()
            ]
            said = self._reports.store(connection, key, changes.said) if changes.said else ()
            stories.append(story_row(key, changes.run, now, run_story(changes, said)))
            if changes.ending is not None:
                ends.append(_end_row(changes, changes.ending, now))
            if changes.due or changes.damaged or changes.started is not None:
                self._write_rare(connection, changes)
        write.mark.tell(connection, *marks)
        write.attempt.put(connection, attempts)
        write.value.put(connection, outputs)
        self._changelog.note(connection, *stories)
        write.end.tell(connection, *ends)

    def _write_rare(self, connection: Connection, changes: RunChanges) -> None:
        """What few commits have to say of a run."""
        write, key = self._statements, changes.key
        write.sleep.tell(
            connection,
            *[{"of_workflow": key, "of_task": task, "due": due} for task, due in changes.due.items()],
        )
        # Before outputs are written, one of which may be what was made again.
        write.forget.tell(connection, *[{"of_workflow": key, "of_task": task} for task in changes.damaged])
        if changes.started is not None:
            begun = {"status": str(WorkflowStatus.RUNNING), "start_time": changes.started}
            write.begin.tell(connection, {"of_workflow": key, "of_run": changes.run} | begun)

    def _marks(self, connection: Connection, key: int, tasks: Mapping[int, TaskStatus]) -> list[Row]:
        """Statuses of tasks, to be written one by one; very many of one status are written here and now."""
        if self._is_remote or len(tasks) < LEAST:
            return [
                {"of_workflow": key, "of_task": task, "status": str(status)} for task, status in tasks.items()
            ]
        alike: dict[TaskStatus, list[int]] = {}
        for task, status in tasks.items():
            alike.setdefault(status, []).append(task)
        for status, those in alike.items():
            told = {"of_workflow": key, "of_tasks": listed(those, self._database.kind), "status": str(status)}
            self._statements.mark_all.tell(connection, told)
        return []

    def _write_remains(self, connection: Connection, changes: RunChanges, now: float) -> None:
        """Of a cancelled run: how its attempts went and what they said, as that is true. Never an output.

        One that succeeded only then was cancelled: its output is dropped. But it was there: without a row, a
        resume would give its number to another one, and with it what it said.
        """
        if self._is_remote:  # the fence did not hold, so it locked nothing
            self._database.lock(connection, keys={changes.key})
        row = self._statements.stands.ask(connection, of_key=changes.key).first()
        if row is not None and row.run == changes.run and row.status == WorkflowStatus.CANCELED:
            ended = [
                rows.attempt_row(changes.key, changes.run, now, _cancelled(entry))
                for entry in changes.attempts.values()
            ]
            self._statements.attempt.put(connection, ended)
            self._reports.store(connection, changes.key, changes.said)


def _cancelled(entry: AttemptEntry) -> AttemptEntry:
    """An attempt as it went in a cancelled run."""
    if entry.status in (AttemptStatus.SUCCESSFUL, AttemptStatus.RUNNING):
        return entry._replace(status=AttemptStatus.CANCELED)
    return entry


def _moves(changes: RunChanges) -> bool:
    """Whether the workflow has another status by it."""
    return changes.ending is not None or changes.started is not None


def _fence(changes: RunChanges, now: float) -> dict[str, Any]:
    fence = {"of_key": changes.key, "of_run": changes.run, "progress": rows.progress_json(changes.progress)}
    if _moves(changes):
        fence["status"] = str(changes.ending.status if changes.ending else WorkflowStatus.RUNNING)
        fence |= {"started": changes.started, "end_time": now if changes.ending else None}
    return fence


def _is_small(batch: Batch) -> bool:
    """Whether it is so few rows that what their statements wait for is most of what they take."""
    count = 0
    for entry in batch.entries:
        if isinstance(entry, Submission):
            count += len(entry.plan.tasks)
    for changes in batch.changes:
        count += len(changes.attempts)
    return count < LEAST


def _owner_row(owner: Owner, lease_until: float | None) -> dict[str, Any]:
    return asdict(owner) | {"lease_until": owner.lease_until if lease_until is None else lease_until}


def _end_row(changes: RunChanges, ending: Ending, now: float) -> dict[str, Any]:
    failure = ending.failure
    return {
        "of_workflow": changes.key,
        "of_run": changes.run,
        "status": str(ending.status),
        "end_time": now,
        "error_type": failure and failure.kind,
        "error_message": failure and rows.cleaned(failure.message),
        "error_task": ending.failed_task,
        "error": failure and failure.error,
    }
