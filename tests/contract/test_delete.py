"""`delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from heliograph.engines.dags import plan_of
from heliograph.graph.node import Inputs
from tests.gates import Gate, Ledger
from tests.invariants import connect
from tests.tasks import give, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest

LARGE = 200_000


@workflow.task
def large(size: int, _value: object = None) -> bytes:
    return bytes(size)


@workflow.task
def wait(gate: Gate, name: str = "task") -> None:
    gate.wait(name)


def test_the_workflow_and_all_it_stored_is_gone(engine: EngineUnderTest, ledger: Ledger) -> None:
    workflow.run(large.bind(LARGE, b"x" * LARGE), workflow_id="mine")
    assert len(list(engine.values.glob("*/*"))) == 2
    workflow.delete("mine")

    for call in (workflow.get_status, workflow.get_output, workflow.get_metadata, workflow.resume):
        with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'mine'"):
            call("mine")
    assert workflow.list_all() == []
    assert list(engine.values.glob("*")) == []
    tables = ("workflows", "runs", "tasks", "functions", "dependencies", "attempts", "stored_values")
    with connect(engine.database) as connection:
        for table in tables:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    connection.close()


def test_others_keep_all_of_theirs(engine: EngineUnderTest, ledger: Ledger) -> None:
    for name in ("one", "two"):
        workflow.run(large.bind(LARGE, b"x" * LARGE), workflow_id=name)
    workflow.delete("one")
    assert workflow.get_output("two") == bytes(LARGE)
    assert workflow.list_all() == [("two", "SUCCESSFUL")]


def test_its_id_can_be_used_again(engine: EngineUnderTest, ledger: Ledger) -> None:
    assert workflow.run(note.bind(ledger, "first"), workflow_id="mine") == "first"
    workflow.delete("mine")
    assert workflow.run(note.bind(ledger, "second"), workflow_id="mine") == "second"
    assert len(workflow.get_history("mine")) == 1


def test_who_waits_for_its_output_is_not_given_that_of_the_next_one_of_its_id(
    engine: EngineUnderTest, gate: Gate
) -> None:
    for number in range(5):
        name = f"{number}"
        workflow.run_async(wait.options(name="task").bind(gate, name), workflow_id=name)
        gate.until_waiting(name)
        outputs = workflow.get_output_async(name), workflow.get_output_async(name, task_id="task")
        workflow.cancel(name)
        workflow.delete(name)
        assert workflow.run(give.options(name="task").bind("next"), workflow_id=name) == "next"
        for output in outputs:
            with pytest.raises((workflow.WorkflowCancellationError, ValueError)):
                engine.value(output)


def test_who_handed_it_in_is_not_given_the_output_of_the_next_one_of_its_id(
    embedded_engine: EngineUnderTest,
) -> None:
    with embedded_engine.another() as (store, other):
        for number in range(5):
            name = f"{number}"
            output = workflow.run_async(give.bind("mine"), workflow_id=name, detach=True)
            found = store.standing(name)
            assert found is not None
            store.cancel(found.key)
            store.forget(found)
            other.submit(plan_of(give.bind("next"), Inputs()), name, "{}")
            with pytest.raises((workflow.WorkflowCancellationError, workflow.WorkflowNotFoundError)):
                embedded_engine.value(output)


def test_of_an_active_one_is_workflow_still_active_error(engine: EngineUnderTest, gate: Gate) -> None:
    engine.restart(max_running_workflows=1)
    running = workflow.run_async(wait.bind(gate), workflow_id="running")
    pending = workflow.run_async(wait.bind(gate), workflow_id="pending")
    with pytest.raises(workflow.WorkflowStillActiveError, match="'running' is RUNNING: cancel it"):
        workflow.delete("running")
    with pytest.raises(workflow.WorkflowStillActiveError, match="'pending' is PENDING: cancel it"):
        workflow.delete("pending")
    gate.open()
    engine.value(running)
    engine.value(pending)


def test_of_one_that_is_active_elsewhere_is_refused(engine: EngineUnderTest, gate: Gate) -> None:
    running = workflow.run_async(wait.bind(gate), workflow_id="running")
    printed = engine.elsewhere(
        "try: workflow.delete('running')\nexcept workflow.WorkflowStillActiveError as error: print(error)"
    )
    assert "'running' is RUNNING: cancel it" in printed
    gate.open()
    engine.value(running)


@pytest.mark.parametrize("how", ["canceled", "resumable"])
def test_of_one_that_ended_otherwise(engine: EngineUnderTest, gate: Gate, how: str) -> None:
    workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    if how == "canceled":
        workflow.cancel("mine")
    else:
        engine.restart()
    workflow.delete("mine")
    assert workflow.list_all() == []


def test_from_another_process(engine: EngineUnderTest, ledger: Ledger) -> None:
    workflow.run(note.bind(ledger, "a"), workflow_id="mine")
    engine.elsewhere("workflow.delete('mine')")
    assert workflow.list_all() == []


def test_of_an_unknown_id_is_workflow_not_found_error(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'nobody'"):
        workflow.delete("nobody")
