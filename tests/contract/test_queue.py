"""PENDING: `max_running_workflows` and `max_pending_workflows`."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def wait(gate: Gate, name: str) -> str:
    gate.wait(name)
    return name


@workflow.task
def note(ledger: Ledger, line: str) -> str:
    ledger.note(line)
    return line


def test_as_many_run_as_may_and_the_others_wait(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    engine.restart(max_running_workflows=2)
    held = [workflow.run_async(wait.bind(gate, name), workflow_id=name) for name in ("a", "b")]
    waiting = [workflow.run_async(note.bind(ledger, name), workflow_id=name) for name in ("c", "d", "e")]
    assert dict(workflow.list_all()) == {
        "a": "RUNNING",
        "b": "RUNNING",
        "c": "PENDING",
        "d": "PENDING",
        "e": "PENDING",
    }
    metadata = workflow.get_metadata("c")
    assert metadata["status"] == "PENDING"
    assert metadata["stats"] == {}
    assert not any(engine.is_done(output) for output in waiting)
    gate.open()
    assert [engine.value(output) for output in [*held, *waiting]] == ["a", "b", "c", "d", "e"]
    assert {status for _, status in workflow.list_all()} == {"SUCCESSFUL"}


def test_they_follow_in_order_of_arrival(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    engine.restart(max_running_workflows=1)
    workflow.run_async(wait.bind(gate, "first"), workflow_id="first")
    waiting = [workflow.run_async(note.bind(ledger, str(number))) for number in range(8)]
    gate.open()
    assert [engine.value(output) for output in waiting] == ledger.lines() == list("01234567")


def test_a_pending_one_says_running_in_its_history_once_it_runs(engine: EngineUnderTest, gate: Gate) -> None:
    engine.restart(max_running_workflows=1)
    workflow.run_async(wait.bind(gate, "first"), workflow_id="first")
    workflow.run_async(wait.bind(gate, "second"), workflow_id="second")
    (pending,) = workflow.get_history("second")
    assert pending["status"] == "PENDING"
    assert "start_time" not in pending
    workflow.cancel("first")
    until(lambda: workflow.get_status("second") == "RUNNING")
    (running,) = workflow.get_history("second")
    assert running["status"] == workflow.get_status("second") == "RUNNING"
    assert running["start_time"] >= pending["created_time"]
    assert workflow.get_metadata("second")["stats"] == {"start_time": running["start_time"]}


def test_one_that_was_cancelled_has_no_place(engine: EngineUnderTest, ledger: Ledger) -> None:
    engine.restart(max_running_workflows=1, max_pending_workflows=0)
    for number in range(3):
        workflow.run_async(workflow.sleep(600), workflow_id=f"{number}")
        workflow.cancel(f"{number}")
        assert workflow.run(note.bind(ledger, f"{number}")) == f"{number}"


def test_one_that_was_cancelled_elsewhere_has_no_place(engine: EngineUnderTest, ledger: Ledger) -> None:
    engine.restart(max_running_workflows=1, max_pending_workflows=0)
    with engine.another() as (store, _other):
        for number in range(3):
            workflow.run_async(workflow.sleep(600), workflow_id=f"{number}")
            found = store.standing(f"{number}")
            assert found is not None
            assert store.cancel(found.key)
            assert workflow.run(note.bind(ledger, f"{number}")) == f"{number}"


def test_more_than_may_wait_is_queue_full(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    engine.restart(max_running_workflows=1, max_pending_workflows=1)
    running = workflow.run_async(wait.bind(gate, "running"), workflow_id="running")
    pending = workflow.run_async(note.bind(ledger, "pending"), workflow_id="pending")
    with pytest.raises(queue.Full, match="max_pending_workflows"):
        workflow.run_async(note.bind(ledger, "refused"), workflow_id="refused")
    with pytest.raises(queue.Full):
        workflow.run(note.bind(ledger, "refused"))
    assert [name for name, _ in workflow.list_all()] == ["running", "pending"]  # nothing of it is stored
    gate.open()
    assert [engine.value(running), engine.value(pending)] == ["running", "pending"]
    assert workflow.run(note.bind(ledger, "again"), workflow_id="refused") == "again"
    assert ledger.counts() == {"pending": 1, "again": 1}


def test_none_may_wait(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    engine.restart(max_running_workflows=1, max_pending_workflows=0)
    running = workflow.run_async(wait.bind(gate, "running"))
    with pytest.raises(queue.Full):
        workflow.run_async(note.bind(ledger, "refused"))
    gate.open()
    assert engine.value(running) == "running"
    assert workflow.run(note.bind(ledger, "later")) == "later"


def test_a_resume_takes_a_place_too(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate, "resumed"), workflow_id="resumed")
    gate.until_waiting("resumed")
    engine.restart(max_running_workflows=1, max_pending_workflows=0)
    workflow.run_async(wait.bind(gate, "running"), workflow_id="running")
    with pytest.raises(queue.Full):
        workflow.resume("resumed")
    assert workflow.get_status("resumed") == "RESUMABLE"


def test_resume_all_says_of_each_whether_it_had_a_place(engine: EngineUnderTest, gate: Gate) -> None:
    for name in ("one", "two"):
        workflow.run_async(wait.bind(gate, name), workflow_id=name)
        gate.until_waiting(name)
    engine.restart(max_running_workflows=1, max_pending_workflows=0)

    (one, resumed), (two, refused) = workflow.resume_all()

    assert (one, two) == ("one", "two")
    with pytest.raises(queue.Full, match="max_pending_workflows"):
        refused.result(0)
    assert workflow.get_status("two") == "RESUMABLE"
    gate.open()
    assert engine.value(resumed) == "one"
    engine.restart()
    assert workflow.resume("two") == "two"


def test_a_refused_id_keeps_no_place(engine: EngineUnderTest, gate: Gate) -> None:
    engine.restart(max_running_workflows=2, max_pending_workflows=0)
    running = workflow.run_async(wait.bind(gate, "running"), workflow_id="running")
    for _ in range(5):
        with pytest.raises(RuntimeError, match="already"):
            workflow.run(wait.bind(gate, "running"), workflow_id="running")
        with pytest.raises(workflow.WorkflowNotFoundError):
            workflow.resume("nobody")
    other = workflow.run_async(wait.bind(gate, "other"))
    gate.open()
    assert [engine.value(running), engine.value(other)] == ["running", "other"]


def test_a_pending_one_can_be_canceled_and_resumed(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    engine.restart(max_running_workflows=1)
    running = workflow.run_async(wait.bind(gate, "running"))
    pending = workflow.run_async(note.bind(ledger, "pending"), workflow_id="pending")
    workflow.cancel("pending")
    assert workflow.get_status("pending") == "CANCELED"
    assert workflow.get_metadata("pending")["stats"] == {}
    with pytest.raises(workflow.WorkflowCancellationError):
        engine.value(pending)
    gate.open()
    engine.value(running)
    assert ledger.lines() == []
    assert workflow.resume("pending") == "pending"


def test_a_pending_one_of_a_closed_engine_is_resumable(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    engine.restart(max_running_workflows=1)
    workflow.run_async(wait.bind(gate, "running"), workflow_id="running")
    workflow.run_async(note.bind(ledger, "pending"), workflow_id="pending")
    engine.restart()
    assert workflow.list_all() == [("running", "RESUMABLE"), ("pending", "RESUMABLE")]
    assert workflow.resume("pending") == "pending"
    assert [run["status"] for run in workflow.get_history("pending")] == ["RESUMABLE", "SUCCESSFUL"]
