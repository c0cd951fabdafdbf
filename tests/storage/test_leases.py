"""Who is alive: leases by a clock that is set, and processes that are gone."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from heliograph.records.status import RunReason, TaskStatus, WorkflowStatus
from heliograph.storage.entries import Accepted, Claim, Refused, RunChanges
from heliograph.storage.journal.journal import Batch
from heliograph.storage.liveness import LEASE_SECONDS, Presence, derived_status, this_process
from tests.storage.opened import NOBODY, Opened

ELSEWHERE = {"machine": "another machine", "host": "far"}


@pytest.mark.parametrize("status", [WorkflowStatus.RUNNING, WorkflowStatus.PENDING])
@pytest.mark.parametrize("where", [{}, ELSEWHERE], ids=["here", "elsewhere"])
def test_a_lease_that_ran_out_reads_resumable(
    here: Opened, status: WorkflowStatus, where: dict[str, object]
) -> None:
    here.submit(here.journal(**where), "mine", status)
    assert here.status("mine") == status
    here.clock.now += LEASE_SECONDS - 1
    assert here.status("mine") == status
    here.clock.now += 2
    assert here.status("mine") == "RESUMABLE"
    assert [record.status for record in here.store.queries.workflows({WorkflowStatus.RESUMABLE}).found] == [
        "RESUMABLE"
    ]
    assert here.store.queries.workflows({status}).found == []


def test_a_lease_that_is_renewed_goes_on(here: Opened) -> None:
    journal = here.journal(**ELSEWHERE)
    here.submit(journal, "mine")
    for _ in range(5):
        here.clock.now += LEASE_SECONDS - 1
        here.renew(journal)
        assert here.status("mine") == "RUNNING"
    assert here.claim(here.journal(), "mine") == Refused(WorkflowStatus.RUNNING)


def test_a_lease_that_is_given_up_reads_resumable_at_once(here: Opened) -> None:
    journal = here.journal()
    here.submit(journal, "mine")
    journal.close()
    assert here.status("mine") == "RESUMABLE"


def gone() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not psutil.pid_exists(process.pid)
    return process.pid


def test_a_process_that_is_gone_reads_resumable_at_once(here: Opened) -> None:
    here.submit(here.journal(pid=gone()), "mine")
    assert here.status("mine") == "RESUMABLE"
    assert isinstance(here.claim(here.journal(), "mine"), Accepted)


def test_a_process_of_another_machine_is_judged_by_its_lease(here: Opened) -> None:
    here.submit(here.journal(pid=gone(), **ELSEWHERE), "mine")
    assert here.status("mine") == "RUNNING"


def test_a_later_process_with_the_same_number_is_another(here: Opened) -> None:
    owner = this_process("embedded", 0.0)
    here.submit(here.journal(process_start=owner.process_start - 100), "mine")
    assert here.status("mine") == "RESUMABLE"


def test_a_zombie_is_gone(here: Opened) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = psutil.Process(process.pid).create_time()
    assert start
    mine = this_process("embedded", 0.0)
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    here.submit(here.journal(pid=process.pid, process_start=mine.process_start), "mine")
    assert here.status("mine") == "RESUMABLE"
    process.communicate()


def test_what_has_ended_needs_no_lease(here: Opened) -> None:
    journal = here.journal()
    run = here.submit(journal, "done")
    here.succeed(journal, run, 0)
    here.succeed(journal, run, 1)
    here.submit(journal, "canceled")
    here.store.cancel(here.record("canceled").key)
    here.clock.now += 10 * LEASE_SECONDS
    assert here.status("done") == "SUCCESSFUL"
    assert here.status("canceled") == "CANCELED"


def test_a_resumable_one_may_be_canceled_or_deleted(here: Opened) -> None:
    here.submit(here.journal(pid=gone()), "one")
    here.submit(here.journal(pid=gone()), "two")
    assert here.store.cancel(here.record("one").key)
    here.store.forget(here.standing("two"))
    assert here.status("one") == "CANCELED"
    assert here.store.queries.workflow("two") is None


def test_a_paused_owner_that_wakes_up_has_lost_its_run(here: Opened) -> None:
    """Its lease ran out, another one took over: renewing does not bring the run back."""
    paused, other = here.journal(), here.journal()
    first = here.submit(paused, "mine")
    here.clock.now += LEASE_SECONDS + 1
    here.renew(other)
    second = here.claim(other, "mine")
    assert isinstance(second, Accepted)
    here.renew(paused)
    assert here.succeed(paused, first, 0).lost == {(first.key, 1)}
    assert here.succeed(other, second, 0).lost == frozenset()


def test_a_paused_owner_that_wakes_up_first_goes_on(here: Opened) -> None:
    paused = here.journal()
    run = here.submit(paused, "mine")
    here.clock.now += LEASE_SECONDS + 1
    assert here.status("mine") == "RESUMABLE"
    here.renew(paused)
    assert here.status("mine") == "RUNNING"
    assert here.succeed(paused, run, 0).lost == frozenset()
    assert here.claim(here.journal(), "mine") == Refused(WorkflowStatus.RUNNING)


@pytest.mark.parametrize("stored", WorkflowStatus)
def test_who_looks_at_many_sees_of_one_without_an_owner_what_who_looks_at_it_alone_sees(
    stored: WorkflowStatus,
) -> None:
    alone = derived_status(stored, None, 0.0)
    nobody = this_process("embedded", 0.0)
    assert Presence(lambda: 0.0).status(stored, None, nobody) is alone
    assert (alone is stored) == (stored is not WorkflowStatus.RUNNING)


@pytest.mark.parametrize(
    ("how", "answer"), [("dies", "FAILED"), ("ends well", "RUNNING"), ("dies while all sleeps", "RUNNING")]
)
def test_only_an_engine_that_died_at_work_counts_as_one_that_the_workflow_may_have_killed(
    here: Opened, how: str, answer: str
) -> None:
    first, other = here.journal(), here.journal()
    run = here.submit(first, "mine")
    if how == "dies while all sleeps":
        progress = {TaskStatus.WAITING: 1, TaskStatus.PENDING: 1}
        asleep = RunChanges(run.key, run.run, progress, tasks={0: TaskStatus.WAITING})
        first.commit(Batch([], [asleep]))
    if how == "ends well":
        first.close()
    else:
        here.clock.now += LEASE_SECONDS + 1
    here.renew(other)
    claim = Claim("mine", WorkflowStatus.RUNNING, NOBODY, here.clock(), RunReason.RECOVERED, most_deaths=1)
    other.commit(Batch([claim], []))
    assert here.status("mine") == answer


def test_what_ran_is_taken_over_before_what_waited(here: Opened) -> None:
    lost = here.journal(pid=gone())
    here.submit(lost, "waited", WorkflowStatus.PENDING)
    here.submit(lost, "ran")
    assert here.store.handover.unowned(10, handed_in=True) == ["ran", "waited"]
    assert here.store.handover.unowned(1, handed_in=False) == ["ran"]
