"""`get_status`, `list_all` and the statuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.gates import Gate
from tests.tasks import give

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def wait(gate: Gate, name: str = "task") -> None:
    gate.wait(name)


@workflow.task
def fail() -> None:
    raise ValueError("broken")


STATUSES = ["PENDING", "RUNNING", "FAILED", "RESUMABLE", "CANCELED", "SUCCESSFUL"]


def test_a_status_is_a_str_enum_whose_members_are_also_of_the_module() -> None:
    assert sorted(workflow.WorkflowStatus) == sorted(STATUSES)
    for name in STATUSES:
        member = getattr(workflow, name)
        assert isinstance(member, workflow.WorkflowStatus)
        assert isinstance(member, str)
        assert member == name == f"{member}" == getattr(workflow.WorkflowStatus, name)
        assert {name: 1}[member] == 1


def one_of_each(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate, "resumable"), workflow_id="RESUMABLE")
    gate.until_waiting("resumable")
    engine.restart(max_running_workflows=1)
    workflow.run(give.bind(1), workflow_id="SUCCESSFUL")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail.bind(), workflow_id="FAILED")
    workflow.run_async(wait.bind(gate, "canceled"), workflow_id="CANCELED")
    gate.until_waiting("canceled")
    workflow.cancel("CANCELED")
    workflow.run_async(wait.bind(gate, "running"), workflow_id="RUNNING")
    gate.until_waiting("running")
    workflow.run_async(give.bind(1), workflow_id="PENDING")


def test_every_status_can_be_seen(engine: EngineUnderTest, gate: Gate) -> None:
    one_of_each(engine, gate)
    for name in STATUSES:
        assert workflow.get_status(name) is getattr(workflow, name)
        assert workflow.get_metadata(name)["status"] == name
    expected = ["RESUMABLE", "SUCCESSFUL", "FAILED", "CANCELED", "RUNNING", "PENDING"]
    assert workflow.list_all() == [(name, name) for name in expected]  # oldest first
    assert all(isinstance(status, workflow.WorkflowStatus) for _, status in workflow.list_all())


def test_status_filter_is_a_status_its_string_or_a_set_of_either(engine: EngineUnderTest, gate: Gate) -> None:
    one_of_each(engine, gate)
    for name in STATUSES:
        for given in (name, getattr(workflow, name), {name}, {getattr(workflow, name)}):
            assert workflow.list_all(given) == [(name, name)]
        assert workflow.list_all(status_filter=name) == [(name, name)]
    assert dict(workflow.list_all({"FAILED", workflow.RUNNING})) == {"FAILED": "FAILED", "RUNNING": "RUNNING"}
    assert workflow.list_all(set()) == []
    assert len(workflow.list_all(set(STATUSES))) == 6


@pytest.mark.parametrize("given", [5, 1.5, True, object(), {"RUNNING": 1}, {5}, [None], b"RUNNING"])
def test_a_filter_that_is_anything_else_is_a_type_error(engine: EngineUnderTest, given: Any) -> None:
    with pytest.raises(TypeError, match="status_filter must be a status, its name, or a set of them"):
        workflow.list_all(given)


@pytest.mark.parametrize("given", ["RUNING", "", {"RUNNING", "running"}])
def test_a_filter_of_an_unknown_status_lists_the_known(engine: EngineUnderTest, given: Any) -> None:
    with pytest.raises(ValueError, match=r"there is no status .*; there are CANCELED, FAILED, PENDING"):
        workflow.list_all(given)


def test_status_of_an_unknown_id_is_a_value_error(engine: EngineUnderTest) -> None:
    with pytest.raises(ValueError, match="No such workflow_id 'nobody'"):
        workflow.get_status("nobody")


def test_of_an_empty_store(engine: EngineUnderTest) -> None:
    assert workflow.list_all() == []


def test_another_process_sees_the_same(engine: EngineUnderTest, gate: Gate) -> None:
    one_of_each(engine, gate)
    printed = engine.elsewhere("for name, status in workflow.list_all(): print(name == status)")
    assert printed.split() == ["True"] * 6


def test_what_was_closed_reads_resumable_at_once(engine: EngineUnderTest, gate: Gate, tmp_path: Path) -> None:
    workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    engine.stop()
    printed = engine.elsewhere("print(workflow.get_status('mine'))")
    assert printed == "RESUMABLE\n"
