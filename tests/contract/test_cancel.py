"""`cancel`."""

from __future__ import annotations

import contextlib
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from tests.conditions import is_gone, until
from tests.gates import Gate, Ledger
from tests.tasks import give, note, wait

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def wait_and_note(gate: Gate, ledger: Ledger) -> str:
    gate.wait()
    ledger.note("after the gate")
    return "output"


@workflow.task
def note_and_wait(gate: Gate, ledger: Ledger, name: str) -> None:
    ledger.note(name)
    gate.wait(name)


@workflow.task
def hold_on(gate: Gate) -> None:
    """Takes no hint: whatever is raised in it, it goes on."""
    while not (gate.folder / "open").exists():
        with contextlib.suppress(BaseException):
            gate.wait()


@workflow.task
def fail() -> None:
    raise ValueError("broken")


def canceled(gate: Gate, ledger: Ledger) -> None:
    """A workflow with a stored, a running and a waiting task."""
    early = note.options(name="early").bind(ledger, "early")
    running = wait.options(name="running").bind(gate, "running", early)
    workflow.run_async(note.options(name="late").bind(ledger, "late", running), workflow_id="mine")
    gate.until_waiting("running")
    workflow.cancel("mine")


def test_it_reads_canceled_when_cancel_returns(engine: EngineUnderTest, gate: Gate) -> None:
    for number in range(5):
        workflow.run_async(wait.bind(gate, f"{number}"), workflow_id=f"{number}")
        workflow.cancel(f"{number}")
        assert workflow.get_status(f"{number}") == workflow.CANCELED


def test_its_output_can_not_be_had_when_cancel_returns(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    for number in range(5):
        workflow.run_async(note_and_wait.bind(gate, ledger, f"{number}"), workflow_id=f"{number}")
        gate.until_waiting(f"{number}")
        workflow.cancel(f"{number}")
        with pytest.raises(ValueError, match=f"'{number}' was cancelled"):
            workflow.get_output(f"{number}")


def test_a_cancelled_workflow_has_no_end_time(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    canceled(gate, ledger)
    metadata = workflow.get_metadata("mine")
    assert metadata["status"] == "CANCELED"
    assert "start_time" in metadata["stats"]
    assert "end_time" not in metadata["stats"]
    assert "task_options" in metadata
    assert metadata["progress"] == {"done": 1, "total": 3, "by_status": {"SUCCESSFUL": 1, "CANCELED": 2}}
    (run,) = workflow.get_history("mine")
    assert run["status"] == "CANCELED"
    assert "end_time" not in run
    assert run["cancel_time"] >= run["start_time"]
    statuses = {task["name"]: task["status"] for task in workflow.get_tasks("mine")}
    assert statuses == {"early": "SUCCESSFUL", "running": "CANCELED", "late": "CANCELED"}
    until(lambda: workflow.get_metadata("mine", "running")["attempts"])
    (attempt,) = workflow.get_metadata("mine", "running")["attempts"]
    assert attempt["status"] == "CANCELED"


def test_what_waits_for_a_worker_does_not_begin_where_what_ran_was_stopped(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    fan = [note_and_wait.bind(gate, ledger, f"{number}") for number in range(300)]
    workflow.run_async(give.bind(fan), workflow_id="wide")
    until(lambda: len(ledger.lines()) >= engine.settings.get("num_workers", 2), what="all workers to be busy")
    workflow.cancel("wide")
    workflow.run(note.bind(ledger, "another"))
    assert ledger.lines()[-1] == "another"
    assert len(ledger.lines()) < 50


def test_checkpoints_stay_and_it_can_be_resumed(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    canceled(gate, ledger)
    assert workflow.get_output("mine", task_id="early") == "early"
    gate.open()
    assert workflow.resume("mine") == "late"
    assert ledger.counts() == {"early": 1, "late": 1}
    assert workflow.get_metadata("mine", "early")["reused"] is True


def test_a_running_task_is_stopped(isolating_engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(wait_and_note.bind(gate, ledger), workflow_id="mine")
    worker = gate.until_waiting()
    workflow.cancel("mine")
    until(lambda: is_gone(worker))
    gate.open()
    assert workflow.run(note.bind(ledger, "next")) == "next"
    assert ledger.lines() == ["next"]


def test_a_task_that_takes_no_hint_is_stopped_too(isolating_engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(hold_on.bind(gate), workflow_id="mine")
    worker = gate.until_waiting()
    workflow.cancel("mine")
    until(lambda: is_gone(worker))


def test_what_a_running_task_started_is_stopped_too(
    isolating_engine: EngineUnderTest, tmp_path: Path
) -> None:
    told = tmp_path / "child"

    @workflow.task
    def start_child() -> None:
        import subprocess
        import sys

        with subprocess.Popen([sys.executable, "-c", "while True: input()"], stdin=subprocess.PIPE) as child:
            (told.parent / "tmp").write_text(str(child.pid))
            (told.parent / "tmp").rename(told)
            child.wait()

    workflow.run_async(start_child.bind(), workflow_id="mine")
    until(told.exists)
    child = int(told.read_text())
    workflow.cancel("mine")
    until(lambda: is_gone(child))


def test_a_running_task_is_not_waited_for(engine: EngineUnderTest, gate: Gate) -> None:
    """The task would wait longer than this test may take."""
    workflow.run_async(hold_on.bind(gate), workflow_id="mine")
    gate.until_waiting()
    workflow.cancel("mine")
    assert workflow.get_status("mine") == "CANCELED"


def test_who_waits_is_told(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    workflow.cancel("mine")
    with pytest.raises(workflow.WorkflowCancellationError, match="'mine' was cancelled"):
        engine.value(output)


def test_who_waits_is_told_so_where_it_is_deleted_at_once(engine: EngineUnderTest, gate: Gate) -> None:
    for number in range(10):
        output = workflow.run_async(wait.bind(gate, f"{number}"), workflow_id=f"{number}")
        gate.until_waiting(f"{number}")
        workflow.cancel(f"{number}")
        workflow.delete(f"{number}")
        with pytest.raises(workflow.WorkflowCancellationError):
            engine.value(output)


def test_tasks_of_other_workflows_go_on(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    other = workflow.run_async(wait.bind(gate, "other"))
    gate.until_waiting("other")
    workflow.run_async(wait.bind(gate, "mine"), workflow_id="mine")
    gate.until_waiting("mine")
    workflow.cancel("mine")
    gate.open()
    assert engine.value(other) == "other"
    assert workflow.run(note.bind(ledger, "next")) == "next"


def test_all_workers_busy_canceled_and_busy_again(engine: EngineUnderTest, tmp_path: Path) -> None:
    for turn in range(3):
        gate = Gate(tmp_path / f"gate {turn}")
        names = [f"{turn}.{number}" for number in range(engine.settings.get("num_workers", 2))]
        for name in names:
            workflow.run_async(wait.bind(gate, name), workflow_id=name)
        for name in names:
            gate.until_waiting(name)
            workflow.cancel(name)
        gate.open()
    assert {status for _, status in workflow.list_all()} == {"CANCELED"}


def test_from_another_process(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(
        wait.options(name="running").bind(gate, "running", note.bind(ledger, "early")), workflow_id="mine"
    )
    gate.until_waiting("running")
    printed = engine.elsewhere("workflow.cancel('mine')\nprint(workflow.get_status('mine'))")
    assert printed == "CANCELED\n"
    assert workflow.get_status("mine") == "CANCELED"
    with pytest.raises(workflow.WorkflowCancellationError):
        engine.value(output)
    gate.open()
    assert workflow.resume("mine") == "running"
    assert ledger.lines() == ["early"]


def test_from_another_process_the_running_task_is_stopped(
    isolating_engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    workflow.run_async(wait_and_note.bind(gate, ledger), workflow_id="mine")
    worker = gate.until_waiting()
    isolating_engine.elsewhere("workflow.cancel('mine')")
    until(lambda: is_gone(worker))
    gate.open()
    assert workflow.run(note.bind(ledger, "next")) == "next"
    assert ledger.lines() == ["next"]


def test_canceled_elsewhere_and_resumed_here_before_it_was_seen(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    for turn in range(5):
        name = f"{turn}"
        output = workflow.run_async(wait.bind(gate, name), workflow_id=name)
        gate.until_waiting(name)
        # As another process does it: our engine is not told.
        from heliograph.storage.location import locate
        from heliograph.storage.store import Store

        other = Store(locate(engine.storage))
        record = other.queries.workflow(name)
        assert record is not None
        assert other.cancel(record.key)
        resumed = workflow.resume_async(name)
        other.close()
        with pytest.raises(workflow.WorkflowCancellationError):
            engine.value(output)
        assert not engine.is_done(resumed)
        until(lambda name=name: workflow.get_status(name) == "RUNNING")
        workflow.cancel(name)


def test_canceled_and_resumed_elsewhere_before_it_was_seen_here(
    embedded_engine: EngineUnderTest, gate: Gate
) -> None:
    names, outputs = [f"{turn}" for turn in range(4)], []
    with embedded_engine.another() as (store, other):
        for name in names:
            workflow.run_async(wait.bind(gate, name), workflow_id=name)
            gate.until_waiting(name)
            record = store.queries.workflow(name)
            assert record is not None
            assert store.cancel(record.key)
            other.resume(name)
            outputs.append(workflow.get_output_async(name))
        gate.open()
        assert [embedded_engine.value(output) for output in outputs] == names


def test_of_a_resumable_workflow(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    engine.restart()
    workflow.cancel("mine")
    assert workflow.get_status("mine") == "CANCELED"
    assert workflow.resume_all() == []
    gate.open()
    assert workflow.resume("mine") == "task"


def test_again_is_fine(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate), workflow_id="mine")
    workflow.cancel("mine")
    before = workflow.get_history("mine")
    workflow.cancel("mine")
    assert [run["cancel_time"] for run in workflow.get_history("mine")] == [before[0]["cancel_time"]]


def test_of_what_has_ended_is_a_value_error(engine: EngineUnderTest, ledger: Ledger) -> None:
    workflow.run(note.bind(ledger, "a"), workflow_id="done")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.bind(), workflow_id="failed")
    with pytest.raises(ValueError, match="'done' can't be cancelled: it is SUCCESSFUL"):
        workflow.cancel("done")
    with pytest.raises(ValueError, match="'failed' can't be cancelled: it is FAILED"):
        workflow.cancel("failed")
    assert workflow.list_all() == [("done", "SUCCESSFUL"), ("failed", "FAILED")]


def test_cancel_of_an_unknown_id(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'nobody'"):
        workflow.cancel("nobody")


def test_a_future_can_not_cancel_a_workflow(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    assert output.cancel() is False
    assert not output.cancelled()
    gate.open()
    try:
        assert embedded_engine.value(output) == "task"
    except CancelledError:
        pytest.fail("the workflow went on, and its future knows nothing of it")


def test_cancel_and_resume_many_times(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(wait.bind(gate, "running", note.bind(ledger, "early")), workflow_id="mine")
    gate.until_waiting("running")
    for _ in range(10):
        workflow.cancel("mine")
        resumed = workflow.resume_async("mine")
        assert workflow.get_status("mine") == "RUNNING"
    gate.open()
    assert engine.value(resumed) == "running"
    assert [run["status"] for run in workflow.get_history("mine")] == [*["CANCELED"] * 10, "SUCCESSFUL"]
    assert ledger.lines() == ["early"]
