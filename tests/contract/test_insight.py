"""What is told of workflows that were really run: their profile, how they compare, what is left of them."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from heliograph.reading.explaining import trace_of
from tests.conditions import until
from tests.gates import Gate

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def part(number: int) -> int:
    time.sleep(0.02)
    return number


@workflow.task(max_retries=2, retry_exceptions=True, retry_delay=0.01)
def flaky(number: int) -> int:
    if workflow.current().attempt == 1:
        raise OSError("again")
    return number


@workflow.task
def countdown(number: int) -> object:
    return workflow.continuation(countdown.bind(number - 1)) if number else 0


@workflow.task
def total(*numbers: int) -> int:
    return sum(numbers)


@workflow.task
def later(nothing: None, number: int) -> int:
    return number


@workflow.task
def gated(gate: Gate) -> int:
    gate.wait()
    return 1


def whole() -> workflow.Node:
    """A DAG with all there can be: a fan, a retry with backoff, a continuation, a sleep."""
    parts = [part.bind(n) for n in range(4)]
    return total.bind(*parts, later.bind(workflow.sleep(0.01), flaky.bind(2)), countdown.bind(2))


def test_the_parts_of_a_run_add_up_to_its_wall_time(engine: EngineUnderTest) -> None:
    workflow.run(whole(), workflow_id="w")
    found, stats = workflow.profile("w"), workflow.get_metadata("w")["stats"]
    wall = stats["end_time"] - stats["start_time"]
    assert sum(link.parts.total for link in found.path) + found.tail == pytest.approx(wall, rel=0.01)
    assert found.path[-1].task_id.endswith("total")
    assert all(before.end == after.begin for before, after in pairwise(found.path))
    assert found.path[0].begin == stats["start_time"]


def test_a_function_that_a_continuation_brought_anew_is_the_same_one(engine: EngineUnderTest) -> None:
    @workflow.task
    def down(number: int) -> object:
        return workflow.continuation(down.bind(number - 1)) if number else 0

    workflow.run(total.bind(down.bind(3)), workflow_id="w")
    functions = trace_of("w").tasks.function
    assert len(functions) == 5
    assert len(set(functions)) == 2


def test_every_attempt_is_on_the_timeline(engine: EngineUnderTest) -> None:
    workflow.run(whole(), workflow_id="w")
    attempts = [
        (task["task_id"], attempt["attempt"])
        for task in workflow.get_tasks("w")
        for attempt in task["attempts"]
    ]
    found = workflow.timeline("w")
    assert [(bar.task_id, bar.attempt) for bar in found.bars] == attempts
    told = workflow.table("w", "attempts").columns["attempt"]
    assert list(told) == [number for _, number in attempts]


def test_a_running_workflow_can_be_profiled_and_estimated(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run(total.bind(part.bind(1), part.bind(2)), workflow_id="earlier")
    running = workflow.run_async(total.bind(part.bind(1), gated.bind(gate)), workflow_id="w")
    until(lambda: workflow.get_metadata("w")["progress"]["done"] == 1)
    found = workflow.estimate("w")
    assert (found.done, found.total, [name.rpartition(".")[2] for name in found.unknown]) == (1, 3, ["gated"])
    assert found.left is not None
    assert found.low is not None
    assert found.low <= found.left
    assert workflow.profile("w").wall > 0
    gate.open()
    assert engine.value(running) == 2
    assert workflow.estimate("w").left == 0.0


def test_an_estimate_comes_from_earlier_runs_of_the_functions(engine: EngineUnderTest) -> None:
    workflow.run(total.bind(part.bind(1), part.bind(2)), workflow_id="earlier")

    @workflow.task
    def failing(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(total.bind(part.bind(failing.bind(1))), workflow_id="w")
    found = workflow.estimate("w")
    assert found.samples == 3
    assert found.left is not None
    assert found.left > 0.02


def test_two_runs_are_compared(engine: EngineUnderTest) -> None:
    workflow.run(total.bind(part.bind(1)), workflow_id="a", metadata={"day": 1})
    workflow.run(total.bind(part.bind(1), flaky.bind(1)), workflow_id="b", metadata={"day": 2})
    found = workflow.compare("a", "b")
    assert [tuple(one) for one in found.user_metadata] == [("day", 1, 2)]
    assert [name.rpartition(".")[2] for name in found.only_b] == ["flaky"]
    assert found.code == ()
    assert {task.task_id.rpartition(".")[2] for task in found.tasks} == {"part", "total"}


def test_tasks_that_got_other_arguments_are_named(engine: EngineUnderTest) -> None:
    for name, number in (("a", 1), ("b", 2), ("c", 2)):
        workflow.run(total.bind(part.bind(number), part.bind(1)), workflow_id=name)
    (task,) = workflow.compare("a", "b").arguments
    assert task.endswith(".part")
    assert workflow.compare("b", "c").arguments == ()


def test_a_resumed_workflow_has_a_profile_of_each_run(engine: EngineUnderTest, gate: Gate) -> None:
    @workflow.task
    def once(number: int, gate: Gate) -> int:
        if not (gate.folder / "open").exists():
            raise ValueError(number)
        return number

    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(total.bind(once.bind(part.bind(1), gate)), workflow_id="w")
    gate.open()
    workflow.resume("w")
    assert [link.task_id.rpartition(".")[2] for link in workflow.profile("w", 1).path] == ["part", "once"]
    assert [link.task_id.rpartition(".")[2] for link in workflow.profile("w").path] == ["once", "total"]


def test_what_can_not_be_asked(engine: EngineUnderTest) -> None:
    for ask in (workflow.profile, workflow.timeline, workflow.estimate, workflow.table):
        with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'none'"):
            ask("none")
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.compare("none", "none")
    workflow.run(part.bind(1), workflow_id="w")
    with pytest.raises(TypeError, match="run must be an int or None, not '1'"):
        workflow.profile("w", run="1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no run 2: its only run is 1"):
        workflow.timeline("w", 2)
    with pytest.raises(ValueError, match="there is no table 'x' of a workflow; there are tasks, attempts"):
        workflow.table("w", "x")
