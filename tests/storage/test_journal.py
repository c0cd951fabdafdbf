"""The journal: one transaction for all, and the fence around each run."""

from __future__ import annotations

from contextlib import closing

import pytest

from heliograph.errors import StorageError, WorkflowStillActiveError
from heliograph.records.attempt import Phases
from heliograph.records.report import Progress, Report
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.storage.entries import Accepted, AttemptEntry, AttemptReport, Ending, Refused, RunChanges
from heliograph.storage.journal.journal import Batch
from heliograph.storage.liveness import LEASE_SECONDS
from tests.invariants import connect
from tests.storage.opened import Opened, value


def test_news_of_many_runs_go_in_together(here: Opened) -> None:
    journal = here.journal()
    runs = [here.submit(journal, f"w{number}") for number in range(3)]
    committed = journal.commit(Batch([], [here.success(run, 0) for run in runs]))
    assert committed.lost == frozenset()
    assert [here.outputs(f"w{number}") for number in range(3)] == [{0}] * 3


def test_all_of_a_batch_or_nothing(here: Opened) -> None:
    journal = here.journal()
    one, two = here.submit(journal, "one"), here.submit(journal, "two")
    broken = here.success(two, 0)
    broken.tasks = {0: "no status"}  # type: ignore[dict-item]
    with pytest.raises(StorageError, match=r"(?i)check"):
        journal.commit(Batch([], [here.success(one, 0), broken]))
    assert here.outputs("one") == here.outputs("two") == set()
    here.succeed(journal, one, 0)
    assert here.outputs("one") == {0}


def test_what_is_said_before_an_attempt_is_seen_to_run_is_known_of_its_task(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    said = [AttemptReport(0, attempt, Report(progress=Progress(done))) for attempt, done in ((2, 7), (1, 9))]
    journal.commit(
        Batch([], [RunChanges(run.key, run.run, {TaskStatus.READY: 1, TaskStatus.PENDING: 1}, said=said)])
    )
    first, second = here.store.queries.tasks(here.record("mine"))
    assert first.attempts == ()
    assert first.report is not None
    assert first.report.progress is not None
    assert first.report.progress.done == 7  # of the newest attempt
    assert second.report is None


def test_an_id_that_is_taken_is_refused(here: Opened) -> None:
    journal, other = here.journal(), here.journal()
    here.submit(journal, "mine")
    with pytest.raises(AssertionError):
        here.submit(other, "mine")
    assert here.claim(other, "mine") == Refused(WorkflowStatus.RUNNING)


def test_a_canceled_run_can_not_write(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    here.succeed(journal, run, 0)
    assert here.store.cancel(here.record("mine").key)
    committed = here.succeed(journal, run, 1)
    assert committed.lost == {(run.key, run.run)}
    assert here.status("mine") == "CANCELED"
    assert here.outputs("mine") == {0}
    (record,) = here.store.queries.runs(run.key)
    assert (record.status, record.end_time) == ("CANCELED", None)


def test_of_a_canceled_run_the_end_of_an_attempt_is_kept(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    assert here.store.cancel(here.record("mine").key)
    stopped = RunChanges(run.key, run.run, {TaskStatus.CANCELED: 2})
    stopped.attempts[0, 1] = AttemptEntry(0, 1, AttemptStatus.CANCELED, here.clock(), here.clock(), Phases())
    assert journal.commit(Batch([], [stopped])).lost == {(run.key, run.run)}
    task = here.store.queries.task(here.record("mine"), "first")
    assert task is not None
    assert [attempt.status for attempt in task.attempts] == ["CANCELED"]


def test_what_succeeds_in_a_canceled_run_was_canceled_and_is_kept(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    assert here.store.cancel(here.record("mine").key)
    late = here.success(run, 0)
    late.said = [AttemptReport(0, 1, Report(progress=Progress(7)))]
    journal.commit(Batch([], [late]))
    assert here.outputs("mine") == set()
    task = here.store.queries.task(here.record("mine"), "first")
    assert task is not None
    assert [(attempt.attempt, attempt.status) for attempt in task.attempts] == [(1, "CANCELED")]
    assert task.report is not None


def test_a_run_that_was_taken_over_can_not_write(here: Opened) -> None:
    old, new = here.journal(), here.journal()
    first = here.submit(old, "mine")
    here.clock.now += LEASE_SECONDS + 1
    here.renew(new)
    second = here.claim(new, "mine")
    assert isinstance(second, Accepted)
    assert second.run == 2

    late = here.succeed(old, first, 0)
    assert late.lost == {(first.key, 1)}
    assert here.outputs("mine") == set()
    ending = RunChanges(first.key, 1, ending=Ending(WorkflowStatus.FAILED, 0))
    assert old.commit(Batch([], [ending])).lost == {(first.key, 1)}
    assert here.status("mine") == "RUNNING"

    assert here.succeed(new, second, 0).lost == frozenset()
    assert here.outputs("mine") == {0}
    assert [run.status for run in here.store.queries.runs(first.key)] == ["RESUMABLE", "RUNNING"]


def test_of_one_batch_only_the_lost_run_is_left_out(here: Opened) -> None:
    journal = here.journal()
    lost, kept = here.submit(journal, "lost"), here.submit(journal, "kept")
    assert here.store.cancel(here.record("lost").key)
    committed = journal.commit(Batch([], [here.success(lost, 0), here.success(kept, 0)]))
    assert committed.lost == {(lost.key, lost.run)}
    assert (here.outputs("lost"), here.outputs("kept")) == (set(), {0})


def test_a_run_that_ended_can_not_write(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    here.succeed(journal, run, 0)
    here.succeed(journal, run, 1)
    assert here.status("mine") == "SUCCESSFUL"
    failed = RunChanges(run.key, run.run, ending=Ending(WorkflowStatus.FAILED, 1))
    assert journal.commit(Batch([], [failed])).lost == {(run.key, run.run)}
    assert here.status("mine") == "SUCCESSFUL"


def test_a_deleted_run_can_not_write(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    with pytest.raises(WorkflowStillActiveError):
        here.store.forget(here.standing("mine"))
    assert here.store.cancel(here.record("mine").key)
    here.store.forget(here.standing("mine"))
    assert here.succeed(journal, run, 0).lost == {(run.key, run.run)}
    assert here.store.queries.workflow("mine") is None


def test_a_claim_of_a_successful_one_gives_its_output(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    here.succeed(journal, run, 0)
    here.succeed(journal, run, 1)
    answer = here.claim(here.journal(), "mine")
    assert isinstance(answer, Refused)
    assert answer.status == "SUCCESSFUL"
    assert answer.output == value(1)


def test_a_claim_of_an_unknown_one(here: Opened) -> None:
    assert here.claim(here.journal(), "nobody") == Refused(None)


def test_of_many_claims_in_one_batch_the_first_gets_it(here: Opened) -> None:
    gone = here.journal()
    here.submit(gone, "mine")
    gone.close()
    journal = here.journal()
    first, second = here.claim(journal, "mine"), here.claim(journal, "mine")
    assert isinstance(first, Accepted)
    assert second == Refused(WorkflowStatus.RUNNING)


def test_a_takeover_closes_what_was_open(here: Opened) -> None:
    old = here.journal()
    run = here.submit(old, "mine")
    begun = RunChanges(run.key, run.run, {TaskStatus.RUNNING: 1, TaskStatus.PENDING: 1})
    begun.tasks[0] = TaskStatus.RUNNING
    begun.attempts[0, 1] = AttemptEntry(
        0, 1, AttemptStatus.RUNNING, here.clock(), here.clock(), Phases(started=here.clock())
    )
    old.commit(Batch([], [begun]))
    old.close()
    assert here.status("mine") == "RESUMABLE"
    assert isinstance(here.claim(here.journal(), "mine"), Accepted)
    task = here.store.queries.task(here.record("mine"), "first")
    assert task is not None
    assert (task.status, [attempt.status for attempt in task.attempts]) == ("PENDING", ["LOST"])
    assert here.record("mine").progress.by_status == {"PENDING": 2}


def test_the_key_of_a_deleted_workflow_does_not_come_back(here: Opened) -> None:
    journal = here.journal()
    first = here.submit(journal, "first")
    assert here.store.cancel(here.record("first").key)
    here.store.forget(here.standing("first"))
    assert here.submit(journal, "second").key > first.key


def test_what_the_database_says_becomes_a_documented_error(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "mine")
    with closing(connect(here.database)) as connection:
        connection.execute("ALTER TABLE attempts RENAME TO elsewhere")
        connection.commit()
        missing = r"(heliograph\.db: .*no such table: .*attempts|relation \"attempts\" does not exist)"
        with pytest.raises(StorageError, match=missing):
            here.succeed(journal, run, 0)
        connection.execute("ALTER TABLE elsewhere RENAME TO attempts")
        connection.commit()
    assert here.outputs("mine") == set()
    here.renew(journal)  # by a statement SQLite sees that the table is back; by a trigger it would not
    assert here.succeed(journal, run, 0).lost == frozenset()
