"""`run` and `run_async`."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.tasks import note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


class Held:
    """An argument that can be asked for whether anybody has it."""


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


@workflow.task
def wait(gate: Gate, value: object = None) -> object:
    gate.wait()
    return value


@workflow.task
async def later(value: int) -> int:
    return value + 1


def test_run_blocks_and_returns_the_output(engine: EngineUnderTest) -> None:
    assert workflow.run(add.bind(add.bind(1, 2), add.bind(3, 4))) == 10


def test_a_task_still_calls_as_the_function_it_is() -> None:
    assert add(1, right=2) == 3
    assert add.__name__ == "add"


def test_a_coroutine_function_is_a_task(engine: EngineUnderTest) -> None:
    assert workflow.run(later.bind(later.bind(1))) == 3


def test_run_async_returns_before_the_end(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate, 5), workflow_id="waits")
    gate.until_waiting()
    assert not engine.is_done(output)
    assert workflow.get_status("waits") == workflow.RUNNING
    gate.open()
    assert engine.value(output) == 5


def test_run_async_gives_a_concurrent_futures_future_on_the_embedded_engine(
    embedded_engine: EngineUnderTest,
) -> None:
    output = workflow.run_async(add.bind(1, 2))
    assert isinstance(output, Future)
    assert output.result(60) == 3
    assert output.exception() is None


def test_no_id_makes_a_unique_one(engine: EngineUnderTest) -> None:
    for _ in range(20):
        workflow.run(add.bind(1, 2))
    assert len({workflow_id for workflow_id, _ in workflow.list_all()}) == 20


def test_an_id_that_exists_is_resumed_and_its_stored_dag_wins(
    engine: EngineUnderTest, ledger: Ledger
) -> None:
    assert workflow.run(note.bind(ledger, "first"), workflow_id="mine") == "first"
    assert workflow.run(note.bind(ledger, "second"), workflow_id="mine") == "first"
    engine.restart()
    assert workflow.run(add.bind(1, 2), workflow_id="mine") == "first"
    assert ledger.lines() == ["first"]


def test_an_id_that_failed_is_resumed_with_its_stored_dag(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    @workflow.task
    def fails_without_flag() -> str:
        return flag.read_text()

    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fails_without_flag.bind(), workflow_id="mine")
    flag.write_text("there")
    assert workflow.run(add.bind(1, 2), workflow_id="mine") == "there"


def test_an_id_that_runs_is_a_runtime_error(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate, 5), workflow_id="mine")
    gate.until_waiting()
    with pytest.raises(RuntimeError, match="'mine' is RUNNING already"):
        workflow.run(add.bind(1, 2), workflow_id="mine")
    with pytest.raises(RuntimeError, match="'mine' is RUNNING already"):
        workflow.resume("mine")
    gate.open()
    assert engine.value(output) == 5


def test_an_id_that_runs_in_another_process_is_a_runtime_error(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate, 5), workflow_id="mine")
    gate.until_waiting()
    printed = engine.elsewhere(
        "from tests.contract.test_run import add\n"
        "run = lambda: workflow.run(add.bind(1, 2), workflow_id='mine')\n"
        "for go in (run, lambda: workflow.resume('mine')):\n"
        "    try: go()\n"
        "    except RuntimeError as error: print(error)"
    )
    assert printed.count("'mine' is RUNNING already") == 2
    gate.open()
    assert engine.value(output) == 5


def test_an_id_that_is_pending_is_a_runtime_error(engine: EngineUnderTest, gate: Gate) -> None:
    engine.restart(max_running_workflows=1)
    first = workflow.run_async(wait.bind(gate, 1), workflow_id="first")
    second = workflow.run_async(wait.bind(gate, 2), workflow_id="second")
    with pytest.raises(RuntimeError, match="'second' is PENDING already"):
        workflow.run(add.bind(1, 2), workflow_id="second")
    gate.open()
    assert [engine.value(first), engine.value(second)] == [1, 2]


@pytest.mark.parametrize("call", [workflow.run, workflow.run_async])
@pytest.mark.parametrize("dag", [5, None, "dag", add, lambda: 1, workflow.InputNode(), [add.bind(1, 2)]])
def test_not_a_dag_is_a_type_error(engine: EngineUnderTest, call: Any, dag: Any) -> None:
    with pytest.raises(TypeError, match="DAG"):
        call(dag)
    assert workflow.list_all() == []


def test_inputs_by_position_and_name(engine: EngineUnderTest) -> None:
    with workflow.InputNode() as given:
        dag = add.bind(given[0], add.bind(given.x, given["y"]))
    assert workflow.run(dag, 1, x=20, y=300) == 321


def test_a_single_input(engine: EngineUnderTest) -> None:
    with workflow.InputNode() as given:
        dag = add.bind(given, given)
    assert workflow.run(dag, 4) == 8


def test_parts_of_a_single_input(engine: EngineUnderTest) -> None:
    with workflow.InputNode() as given:
        dag = add.bind(given["left"], given["right"])
    assert workflow.run(dag, {"left": 1, "right": 2}) == 3


def test_inputs_are_part_of_what_is_resumed(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    @workflow.task
    def fails_without_flag(value: int) -> int:
        return value + int(flag.read_text())

    with workflow.InputNode() as given:
        dag = fails_without_flag.bind(given)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, 40, workflow_id="mine")
    flag.write_text("2")
    engine.restart()
    assert workflow.resume("mine") == 42


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2), {}), ((), {"other": 1})])
def test_an_input_that_is_missing_is_a_value_error(
    engine: EngineUnderTest, args: tuple[int, ...], kwargs: dict[str, int]
) -> None:
    with workflow.InputNode() as given:
        dag = add.bind(given, given.key)
    with pytest.raises(ValueError, match=r"`workflow\.run`") as raised:
        workflow.run(dag, *args, **kwargs)
    assert isinstance(raised.value, workflow.InputMissingError)
    assert workflow.list_all() == []


def test_many_threads_may_submit(engine: EngineUnderTest) -> None:
    outputs: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: outputs.append(workflow.run(add.bind(n, n)))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == [2 * n for n in range(8)]
    assert {status for _, status in workflow.list_all()} == {workflow.SUCCESSFUL}


def test_of_threads_that_submit_one_id_at_once_one_makes_it(engine: EngineUnderTest, ledger: Ledger) -> None:
    outcomes: list[object] = []

    def submit() -> None:
        try:
            outcomes.append(workflow.run(note.bind(ledger, "ran"), workflow_id="mine"))
        except RuntimeError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.lines() == ["ran"]
    assert "ran" in outcomes
    assert all(outcome == "ran" or "RUNNING already" in str(outcome) for outcome in outcomes)


def test_a_future_is_done_when_its_future_is_stored(engine: EngineUnderTest) -> None:
    for number in range(10):
        workflow.run(add.bind(number, 1), workflow_id=f"w{number}")
        assert workflow.get_status(f"w{number}") == workflow.SUCCESSFUL


def test_what_a_workflow_was_made_of_is_not_held_while_it_runs(engine: EngineUnderTest, gate: Gate) -> None:
    """A DAG and its plan are as large as the workflow, and so is what they hold."""
    held: list[weakref.ref[Held]] = []

    def made() -> Any:
        value = Held()
        held.append(weakref.ref(value))
        return wait.bind(gate, [value])

    runner = threading.Thread(target=lambda: workflow.run(made()))
    runner.start()
    try:
        gate.until_waiting()
        until(lambda: gc.collect() >= 0 and held[0]() is None, what="the argument to be let go")
    finally:
        gate.open()
        runner.join()


def test_tasks_run_in_other_processes_by_default(isolating_engine: EngineUnderTest) -> None:
    @workflow.task
    def process() -> int:
        return os.getpid()

    assert workflow.run(process.bind()) != os.getpid()
