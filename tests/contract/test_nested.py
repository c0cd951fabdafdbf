"""Workflows that tasks run themselves: they are stored where the task's own workflow is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from tests.gates import Gate

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def inner(x: int) -> int:
    return x + 1


@workflow.task
def outer() -> tuple[int, str]:
    given = workflow.run(inner.bind(1), workflow_id="inner")
    return given, workflow.get_status("outer")


@workflow.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@workflow.task
def leaves(depth: int) -> int:
    if depth == 0:
        return 1
    below = [leaves.bind(depth - 1) for _ in range(2)]
    return int(workflow.run(total.bind(below)))


def test_a_task_runs_a_workflow_in_the_same_storage(engine: EngineUnderTest) -> None:
    # What this process was told by its environment is another storage than the one it was told to use.
    assert os.environ["HELIOGRAPH_STORAGE"] != str(engine.storage)
    assert workflow.run(outer.bind(), workflow_id="outer") == (2, "RUNNING")
    assert workflow.list_all() == [("outer", "SUCCESSFUL"), ("inner", "SUCCESSFUL")]


def test_with_one_worker_too(embedded_engine: EngineUnderTest) -> None:
    embedded_engine.restart(num_workers=1)
    assert workflow.run(leaves.bind(2)) == 4


def test_where_one_workflow_may_run_those_of_its_tasks_may_too(embedded_engine: EngineUnderTest) -> None:
    embedded_engine.restart(max_running_workflows=1, max_pending_workflows=0)
    assert workflow.run(outer.bind(), workflow_id="outer") == (2, "RUNNING")


@workflow.task
def inner_of(gate: Gate) -> str:
    gate.wait("inner")
    return "inner"


@workflow.task
def begin_and_fail(gate: Gate) -> str:
    output = workflow.run_async(inner_of.bind(gate), workflow_id="inner")
    if workflow.current().attempt == 1:
        gate.until_waiting("inner")
        raise OSError("the first attempt fails")
    gate.open()
    return str(output.result())


def test_a_task_that_is_tried_again_takes_up_the_workflow_that_it_began(
    embedded_engine: EngineUnderTest, gate: Gate
) -> None:
    assert workflow.run(begin_and_fail.options(retry_exceptions=True).bind(gate)) == "inner"
    assert workflow.get_metadata("inner")["runs"] == 1


@workflow.task
def run_inner(gate: Gate) -> str:
    if workflow.current().attempt > 1:
        gate.open()
    return str(workflow.run(inner_of.bind(gate), workflow_id="inner"))


@pytest.mark.filterwarnings("ignore:task 'outer'")
def test_so_does_one_that_took_too_long(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    # For ever: on a busy machine a new worker, too, may take longer than that.
    outer = run_inner.options(name="outer", timeout=2, max_retries=-1)
    assert workflow.run(outer.bind(gate)) == "inner"
