"""`resume`, `resume_async` and `resume_all`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from tests.gates import Gate, Ledger
from tests.tasks import fail_without, note, wait

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


def test_resume_goes_on_from_checkpoints(engine: EngineUnderTest, ledger: Ledger, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    dag = fail_without.bind(flag, note.bind(ledger, "a"), note.bind(ledger, "b"))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    engine.restart()
    flag.touch()
    assert workflow.resume("mine") == ("a", "b")
    assert sorted(ledger.lines()) == ["a", "b"]


def test_resume_async_gives_the_output_to_come(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag, 1), workflow_id="mine")
    flag.touch()
    assert engine.value(workflow.resume_async("mine")) == (1,)


def test_a_resume_may_fail_again(engine: EngineUnderTest, tmp_path: Path) -> None:
    dag = fail_without.bind(tmp_path / "flag")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    with pytest.raises(workflow.WorkflowExecutionError, match="no flag"):
        workflow.resume("mine")
    assert workflow.get_status("mine") == workflow.FAILED
    assert [run["status"] for run in workflow.get_history("mine")] == ["FAILED", "FAILED"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_finished_workflow_gives_its_output_again(
    engine: EngineUnderTest, ledger: Ledger, restarted: bool
) -> None:
    workflow.run(note.bind(ledger, "a"), workflow_id="mine")
    if restarted:
        engine.restart()
    assert workflow.resume("mine") == "a"
    assert engine.value(workflow.resume_async("mine")) == "a"
    assert ledger.lines() == ["a"]
    assert len(workflow.get_history("mine")) == 1


def test_an_unknown_id(engine: EngineUnderTest) -> None:
    for call in (workflow.resume, workflow.resume_async):
        with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'nobody'"):
            call("nobody")
        with pytest.raises(workflow.WorkflowNotResumableError):
            call("nobody")


def test_resume_all_takes_what_is_resumable_and_nothing_else(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger, tmp_path: Path
) -> None:
    workflow.run(note.bind(ledger, "done"), workflow_id="done")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(tmp_path / "flag"), workflow_id="failed")
    workflow.run_async(wait.bind(gate, "canceled"), workflow_id="canceled")
    gate.until_waiting("canceled")
    workflow.cancel("canceled")
    for name in ("one", "two"):
        workflow.run_async(wait.bind(gate, name, note.bind(ledger, name)), workflow_id=name)
        gate.until_waiting(name)
    engine.restart()
    assert dict(workflow.list_all("RESUMABLE")) == {"one": "RESUMABLE", "two": "RESUMABLE"}

    gate.open()
    resumed = workflow.resume_all()

    assert [(name, engine.value(output)) for name, output in resumed] == [("one", "one"), ("two", "two")]
    assert ledger.counts() == {"done": 1, "one": 1, "two": 1}
    assert dict(workflow.list_all()) == {
        "done": "SUCCESSFUL",
        "failed": "FAILED",
        "canceled": "CANCELED",
        "one": "SUCCESSFUL",
        "two": "SUCCESSFUL",
    }
    assert workflow.resume_all() == []


def test_resume_all_include_failed_takes_the_failed_ones_too(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag, 7), workflow_id="failed")
    assert workflow.resume_all() == []
    flag.touch()
    ((name, output),) = workflow.resume_all(include_failed=True)
    assert (name, engine.value(output)) == ("failed", (7,))


def test_resume_all_takes_running_ones_before_pending_ones(engine: EngineUnderTest, gate: Gate) -> None:
    engine.restart(max_running_workflows=1)
    for name in ("running", "pending 1", "pending 2"):
        workflow.run_async(wait.bind(gate, name), workflow_id=name)
    gate.until_waiting("running")
    workflow.cancel("running")  # then the first pending one runs, and the older one becomes the last
    gate.until_waiting("pending 1")
    with pytest.raises(RuntimeError, match="pending 1"):
        workflow.resume("pending 1")
    workflow.resume_async("running")
    engine.restart(max_running_workflows=1)
    gate.open()

    resumed = workflow.resume_all()

    assert [name for name, _ in resumed] == ["pending 1", "running", "pending 2"]
    assert [engine.value(output) for _, output in resumed] == ["pending 1", "running", "pending 2"]


def test_a_canceled_workflow_can_be_resumed(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(wait.bind(gate, "late", note.bind(ledger, "early")), workflow_id="mine")
    gate.until_waiting("late")
    workflow.cancel("mine")
    gate.open()
    assert workflow.resume("mine") == "late"
    assert ledger.lines() == ["early"]
    assert [run["status"] for run in workflow.get_history("mine")] == ["CANCELED", "SUCCESSFUL"]


def test_another_process_can_resume(engine: EngineUnderTest, ledger: Ledger, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag, note.bind(ledger, "a")), workflow_id="mine")
    flag.touch()
    assert engine.elsewhere("print(workflow.resume('mine'))") == "('a',)\n"
    assert workflow.get_output("mine") == ("a",)
    assert ledger.lines() == ["a"]
