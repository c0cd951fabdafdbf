"""Outputs and names of tasks that continuations made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heliograph import workflow
from heliograph.graph.identifiers import MAX_LENGTH
from tests.conditions import until
from tests.contract.conftest import EngineUnderTest


@workflow.task
def loop(n: int, gate: str) -> Any:
    if n:
        return workflow.continuation(loop.bind(n - 1, gate))
    until(Path(gate).exists)
    return "the end"


def test_the_output_of_a_task_that_continued_is_waited_for(engine: EngineUnderTest, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    future = workflow.run_async(loop.options(name="loop").bind(2, str(gate)), workflow_id="loops")
    until(lambda: len(workflow.get_tasks("loops")) == 3)
    handed_on = workflow.get_tasks("loops")[1]
    until(lambda: workflow.get_metadata("loops", handed_on["name"])["status"] == "SUCCESSFUL")
    output = workflow.get_output_async("loops", task_id=handed_on["name"])
    gate.touch()
    assert engine.value(output) == engine.value(future) == "the end"


@workflow.task
def again(name: str) -> Any:
    return workflow.continuation(one.options(name=name).bind())


@workflow.task
def one() -> int:
    return 1


def test_a_numbered_name_is_no_longer_than_an_id_may_be(engine: EngineUnderTest) -> None:
    name = "n" * MAX_LENGTH
    assert workflow.run(again.options(name=name).bind(name), workflow_id="long") == 1
    names = [task["name"] for task in workflow.get_tasks("long")]
    assert names == [name, name[:-2] + "_1"]
