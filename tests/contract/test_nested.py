"""Workflows that tasks run themselves: they are stored where the task's own workflow is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from heliograph import workflow

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
