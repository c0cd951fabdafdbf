"""`workflow.continuation`: a task hands the rest over to another DAG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from heliograph.graph.identifiers import MAX_LENGTH
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.tasks import fail_without, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


@workflow.task
def loop(n: int, gate: Gate | None = None, total: int = 0) -> Any:
    if n:
        return workflow.continuation(loop.bind(n - 1, gate, total + n))
    if gate is not None:
        gate.wait()
    return total


@workflow.task
def bare(n: int) -> Any:
    return bare.bind(n - 1) if n else "the end"


@workflow.task
def factorial(n: int) -> Any:
    return workflow.continuation(multiply.bind(n, factorial.bind(n - 1))) if n > 1 else 1


@workflow.task
def multiply(left: int, right: int) -> int:
    return left * right


@workflow.task
def together(*values: object) -> list[object]:
    return list(values)


@workflow.task
def call(make: Callable[[], Any]) -> Any:
    return workflow.continuation(make())


def names(workflow_id: str) -> list[str]:
    return [task["name"] for task in workflow.get_tasks(workflow_id)]


def test_inside_a_task_hands_the_rest_over_to_another_dag(engine: EngineUnderTest) -> None:
    assert workflow.run(add.bind(1, factorial.bind(5)), workflow_id="mine") == 121
    assert workflow.get_output("mine") == 121
    made = [task for task in workflow.get_tasks("mine") if "creator" in task]
    assert len(made) == 8
    first = workflow.get_tasks("mine")[0]["name"]
    assert {task["name"] for task in made if task["creator"] == first} == {
        f"{__name__}.factorial_1",
        f"{__name__}.multiply",
    }


def test_a_node_that_is_returned_is_one_too(engine: EngineUnderTest) -> None:
    assert workflow.run(bare.bind(3), workflow_id="mine") == "the end"
    assert len(names("mine")) == 4


def test_a_tail_call_goes_to_any_depth_in_a_bounded_stack(engine: EngineUnderTest) -> None:
    depth = 1_200  # more than Python's stack has frames
    assert workflow.run(loop.bind(depth), workflow_id="mine") == depth * (depth + 1) // 2
    assert workflow.get_metadata("mine")["progress"]["by_status"] == {"SUCCESSFUL": depth + 1}


def test_outside_of_a_task_it_runs_at_once_and_returns_its_value(engine: EngineUnderTest) -> None:
    assert workflow.continuation(add.bind(1, add.bind(2, 3))) == 6


@pytest.mark.parametrize("dag", [5, None, "dag", add, [add.bind(1, 2)]])
def test_not_a_dag_is_a_type_error(engine: EngineUnderTest, dag: Any) -> None:
    with pytest.raises(TypeError, match=r"takes a DAG, such as `task\.bind\(\.\.\.\)`, not "):
        workflow.continuation(dag)
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(call.bind(lambda: dag), workflow_id="mine")
    with pytest.raises(TypeError, match=r"workflow\.continuation takes a DAG"):
        raise raised.value.__cause__  # type: ignore[misc]


def circle() -> Any:
    box: list[Any] = []
    node = together.options(name="round").bind(box)
    box.append(node)
    return node


def test_a_cycle_made_through_mutation_fails_the_task_that_returned_it(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError, match="'returns it'") as raised:
        workflow.run(call.options(name="returns it").bind(circle), workflow_id="mine")
    assert isinstance(raised.value.__cause__, ValueError)
    assert "cycle through <node of task 'round'>" in str(raised.value.__cause__)
    assert names("mine") == ["returns it"]


@pytest.mark.parametrize("give", [lambda node: node, lambda node: node["x"], lambda node: [node.x]])
def test_an_input_node_in_a_continuation_is_told(
    engine: EngineUnderTest, give: Callable[[workflow.InputNode], Any]
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(call.options(name="goes on").bind(lambda: together.bind(give(workflow.InputNode()))))
    told = raised.value.__cause__
    assert isinstance(told, workflow.InputMissingError)
    assert str(told).startswith("the continuation of task 'goes on' takes <input")
    assert "bind the value itself" in str(told)


def test_names_taken_already_get_a_number(engine: EngineUnderTest) -> None:
    workflow.run(loop.options(name="loop").bind(2), workflow_id="mine")
    base = f"{__name__}.loop"
    assert names("mine") == ["loop", base, f"{base}_1"]


@workflow.task
def again(name: str) -> Any:
    return workflow.continuation(one.options(name=name).bind())


@workflow.task
def one() -> int:
    return 1


def test_a_numbered_name_is_no_longer_than_an_id_may_be(engine: EngineUnderTest) -> None:
    name = "n" * MAX_LENGTH
    assert workflow.run(again.options(name=name).bind(name), workflow_id="long") == 1
    assert names("long") == [name, name[:-2] + "_1"]


def test_the_output_of_a_task_that_continued_is_waited_for(engine: EngineUnderTest, gate: Gate) -> None:
    future = workflow.run_async(loop.options(name="loop").bind(2, gate), workflow_id="loops")
    gate.until_waiting()
    handed_on = names("loops")[1]
    until(lambda: workflow.get_metadata("loops", handed_on)["status"] == "SUCCESSFUL")
    output = workflow.get_output_async("loops", task_id=handed_on)
    gate.open()
    assert engine.value(output) == engine.value(future) == 3


@workflow.task
def steps(ledger: Ledger, flag: Path, n: int) -> Any:
    ledger.note(f"step {n}")
    if n == 0:
        return int(flag.read_text())
    return workflow.continuation(steps.bind(ledger, flag, n - 1))


def test_each_step_is_resumable_and_runs_once(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(steps.bind(ledger, flag, 3), workflow_id="mine")
    assert isinstance(raised.value.__cause__, FileNotFoundError)
    flag.write_text("7")
    engine.restart()
    assert workflow.resume("mine") == 7
    assert ledger.counts() == {"step 3": 1, "step 2": 1, "step 1": 1, "step 0": 2}


# -- what is inherited


@workflow.task
def fail(what: str) -> None:
    raise LookupError(what)


def fails_first() -> Any:
    return together.bind(fail.bind("the first of them"))


def fails_last() -> Any:
    return fail.bind("the last of them")


def fails_deep() -> Any:
    return together.bind(1, call.bind(fails_first))


@pytest.mark.parametrize("make", [fails_first, fails_last, fails_deep])
def test_catch_exceptions_covers_the_continuations_whichever_node_of_them_raised(
    engine: EngineUnderTest, make: Any
) -> None:
    caught = call.options(**workflow.options(catch_exceptions=True))
    value, error = workflow.run(caught.bind(make), workflow_id="mine")
    assert value is None
    assert isinstance(error, LookupError)
    assert workflow.get_status("mine") == "SUCCESSFUL"


@workflow.task
def need(flag: Path, _caught: object) -> str:
    if not flag.exists():
        raise OSError("not there")
    return "there"


@pytest.mark.parametrize("make", [fails_first, fails_last, fails_deep])
def test_what_failed_in_a_continuation_and_was_caught_has_failed_after_a_resume_too(
    engine: EngineUnderTest, tmp_path: Path, make: Any
) -> None:
    caught = call.options(**workflow.options(catch_exceptions=True)).bind(make)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(need.options(name="need").bind(tmp_path / "flag", caught), workflow_id="mine")

    def within() -> list[tuple[Any, ...]]:
        told = [task for task in workflow.get_tasks("mine") if "creator" in task]
        return [(task["task_id"], task["status"], task.get("error")) for task in told]

    before, first = within(), workflow.profile("mine").to_dict()
    (error,) = [error for _, status, error in before if status == "FAILED"]
    assert error["type"] == "builtins.LookupError"
    (tmp_path / "flag").touch()
    assert workflow.resume("mine") == "there"
    assert within() == before
    assert workflow.profile("mine", run=1).to_dict() == first
    newest: dict[str, str] = {}
    for change in workflow.watch("mine"):  # to who watches, a run begins all anew that did not succeed
        if change["kind"] == "task" and change["run"] == 2:
            newest[change["task_id"]] = change["status"]
    assert {name: newest[name] for name, *_ in before if name in newest} == {
        name: status for name, status, _ in before if status != "SUCCESSFUL"
    }


def test_catch_exceptions_wraps_the_output_of_the_continuation(engine: EngineUnderTest) -> None:
    caught = factorial.options(**workflow.options(catch_exceptions=True))
    assert workflow.run(caught.bind(5)) == (120, None)


@workflow.options(catch_exceptions=True)
@workflow.task
def countdown(number: int, last: Any) -> Any:
    return workflow.continuation(countdown.bind(number - 1, last)) if number else last()


def lift_off() -> str:
    return "lift-off"


def explode() -> None:
    raise LookupError("boom")


def test_where_several_catch_whose_output_it_is_it_is_wrapped_once(engine: EngineUnderTest) -> None:
    assert workflow.run(countdown.bind(3, lift_off), workflow_id="up") == ("lift-off", None)
    value, error = workflow.run(countdown.bind(3, explode), workflow_id="down")
    assert value is None
    assert isinstance(error, LookupError)
    for name in ("up", "down"):
        for task in workflow.get_tasks(name):
            assert len(workflow.get_output(name, task_id=task["task_id"])) == 2
    engine.restart()
    assert workflow.get_output("up") == ("lift-off", None)


@workflow.task
def unstored(ledger: Ledger) -> Any:
    ledger.note("outer")
    kept = note.options(name="kept", checkpoint=True).bind(ledger, "kept")
    return workflow.continuation(note.options(name="inner").bind(ledger, "inner", kept))


def test_checkpoint_false_is_inherited_by_the_continuations(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    dag = fail_without.bind(flag, unstored.options(**workflow.options(checkpoint=False)).bind(ledger))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    for name, stored in (("inner", False), ("kept", True)):
        task = workflow.get_metadata("mine", name)
        assert (task["task_options"]["checkpoint"], "output" in task) == (stored, stored)
    flag.touch()
    engine.restart()
    assert workflow.resume("mine") == ("inner",)
    assert ledger.counts()["inner"] == 2
    assert ledger.counts()["kept"] == 1
