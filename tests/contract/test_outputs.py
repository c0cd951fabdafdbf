"""`get_output` and `get_output_async`."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from heliograph.engines.session import Session
from tests.conditions import DEADLINE, until
from tests.gates import Gate
from tests.tasks import give

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def large() -> bytes:
    return bytes(range(256)) * 2_000


@workflow.task
def wait(gate: Gate, value: object) -> object:
    gate.wait()
    return value


def locked() -> None:
    raise LookupError("no key here")


class Locked:
    """What can be pickled, and not loaded again."""

    def __reduce__(self) -> Any:
        return locked, ()


@workflow.task
def give_locked() -> object:
    return Locked()


@workflow.task
def fail(_value: object = None) -> None:
    raise KeyError("no such thing")


def early_then_late(gate: Gate) -> workflow.Node:
    early = give.options(**workflow.options(name="early")).bind("early value")
    return wait.options(name="late").bind(gate, early)


def test_a_finished_workflow_gives_its_output(engine: EngineUnderTest) -> None:
    workflow.run(give.bind({"a": 1}), workflow_id="mine")
    assert workflow.get_output("mine") == {"a": 1}
    assert engine.value(workflow.get_output_async("mine")) == {"a": 1}
    engine.restart()
    assert workflow.get_output("mine") == {"a": 1}


def test_an_output_that_cannot_be_loaded_says_that_it_is_kept(engine: EngineUnderTest) -> None:
    with pytest.raises(Exception, match="no key here") as caught:
        workflow.run(give_locked.bind(), workflow_id="mine")
    with pytest.raises(type(caught.value), match="no key here") as again:
        workflow.get_output("mine")
    for error in (caught.value, again.value):
        assert "The output is kept" in "".join(error.__notes__)
    assert workflow.get_status("mine") == workflow.SUCCESSFUL


def test_it_waits_while_the_workflow_runs(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate, 5), workflow_id="mine")
    gate.until_waiting()
    output = workflow.get_output_async("mine")
    assert not engine.is_done(output)
    gate.open()
    assert engine.value(output) == 5


def test_it_waits_while_the_workflow_runs_in_another_process(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(early_then_late(gate), workflow_id="mine")
    gate.until_waiting()
    printed = engine.elsewhere(
        "from tests.gates import Gate\n"
        "from pathlib import Path\n"
        "import sys\n"
        "late = workflow.get_output_async('mine')\n"
        "print(workflow.get_output('mine', task_id='early'), workflow.get_status('mine'))\n"
        "Gate(Path(sys.argv[1])).open()\n"
        f"print({engine.value_code('late')})",
        gate.folder,
    )
    assert printed == "early value RUNNING\nearly value\n"


def test_of_a_task_its_checkpoint(engine: EngineUnderTest, gate: Gate) -> None:
    gate.open()
    workflow.run(early_then_late(gate), workflow_id="mine")
    assert workflow.get_output("mine", task_id="early") == "early value"
    assert workflow.get_output("mine", name="early") == "early value"
    assert engine.value(workflow.get_output_async("mine", name="early")) == "early value"
    assert workflow.get_output("mine", task_id="late", name="late") == "early value"


def test_of_a_task_its_checkpoint_also_while_the_workflow_still_runs(
    engine: EngineUnderTest, gate: Gate
) -> None:
    output = workflow.run_async(early_then_late(gate), workflow_id="mine")
    gate.until_waiting()
    assert workflow.get_output("mine", task_id="early") == "early value"
    late = workflow.get_output_async("mine", task_id="late")
    assert not engine.is_done(late)
    assert not engine.is_done(output)
    gate.open()
    assert engine.value(late) == "early value"


def test_of_a_failed_workflow_it_cannot_be_had_and_says_why(engine: EngineUnderTest) -> None:
    dag = fail.options(name="breaks").bind(give.options(name="early").bind(1))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    for _ in range(2):
        with pytest.raises(workflow.WorkflowExecutionError, match="'mine' failed in task 'breaks'") as raised:
            workflow.get_output("mine")
        assert isinstance(raised.value.__cause__, KeyError)
        with pytest.raises(ValueError, match="'mine' failed in task 'breaks'"):
            workflow.get_output("mine")
        with pytest.raises(ValueError, match=r"'breaks' of workflow 'mine' has no stored output.*FAILED"):
            workflow.get_output("mine", task_id="breaks")
        assert workflow.get_output("mine", task_id="early") == 1
        engine.restart()


def test_of_a_canceled_workflow_it_cannot_be_had_and_says_why(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(early_then_late(gate), workflow_id="mine")
    gate.until_waiting()
    waiting = workflow.get_output_async("mine")
    workflow.cancel("mine")
    for of in (waiting, output, workflow.get_output_async("mine")):
        with pytest.raises(workflow.WorkflowCancellationError, match="'mine' was cancelled"):
            engine.value(of)
    with pytest.raises(ValueError, match="'mine' was cancelled"):
        workflow.get_output("mine")
    assert workflow.get_output("mine", task_id="early") == "early value"
    with pytest.raises(ValueError, match=r"'late' of workflow 'mine' has no stored output.*CANCELED"):
        workflow.get_output("mine", task_id="late")


def test_of_a_resumable_workflow_it_cannot_be_had_and_says_what_to_do(
    engine: EngineUnderTest, gate: Gate
) -> None:
    workflow.run_async(early_then_late(gate), workflow_id="mine")
    gate.until_waiting()
    engine.restart()
    with pytest.raises(ValueError, match=r"'mine' has no output: it is RESUMABLE.*Resume it"):
        workflow.get_output("mine")
    with pytest.raises(ValueError, match=r"'late' of workflow 'mine' has no stored output.*gone. Resume"):
        workflow.get_output("mine", task_id="late")
    with pytest.raises(ValueError, match=r"No such task_id 'other' in workflow 'mine'.*RESUMABLE.*resume"):
        workflow.get_output("mine", task_id="other")
    assert workflow.get_output("mine", task_id="early") == "early value"


@workflow.task
def go_on(gate: Gate) -> Any:
    return workflow.continuation(give.options(name="late").bind(wait.bind(gate, "late value")))


def test_a_task_that_a_continuation_has_yet_to_make_is_waited_for(
    engine: EngineUnderTest, gate: Gate
) -> None:
    early = wait.options(name="early").bind(gate, gate)
    output = workflow.run_async(go_on.bind(early), workflow_id="mine")
    gate.until_waiting()
    late, never = (workflow.get_output_async("mine", task_id=name) for name in ("late", "never"))
    assert not engine.is_done(late)
    gate.open()
    assert engine.value(late) == "late value"
    assert engine.value(output) == "late value"
    with pytest.raises(ValueError, match="No such task_id 'never' in workflow 'mine'"):
        engine.value(never)


@workflow.task
def ask(task_id: str | None, *_after: object) -> Any:
    return workflow.get_output("mine", task_id=task_id)


@workflow.task
def ask_late(gate: Gate) -> Any:
    return workflow.continuation(ask.options(name="asks").bind("nothing", wait.bind(gate, 1)))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (lambda gate: ask.options(name="asks").bind("none"), "No such task_id 'none' in workflow 'mine'"),
        (lambda gate: give.options(name="late").bind(ask_late.bind(gate)), "No such task_id 'nothing'"),
        (
            lambda gate: give.options(name="late").bind(ask.options(name="asks").bind("late")),
            "task 'late' of its own workflow, which can't come before the task itself has ended",
        ),
        (lambda gate: ask.options(name="asks").bind(None), "its own workflow, which can't come before"),
    ],
    ids=["unknown", "in a continuation", "of what needs it", "of its workflow"],
)
def test_a_task_that_waits_for_what_can_t_come_before_its_own_end_fails(
    engine: EngineUnderTest, gate: Gate, node: Any, said: str
) -> None:
    gate.open()
    with pytest.raises(workflow.WorkflowExecutionError, match="in task 'asks'") as failed:
        workflow.run(node(gate), workflow_id="mine")
    assert said in str(failed.value)


def test_a_task_that_waits_for_an_output_leaves_its_worker_to_what_it_waits_for(
    embedded_engine: EngineUnderTest,
) -> None:
    embedded_engine.restart(num_workers=1)
    dag = give.bind([ask.options(name="asks").bind("late"), give.options(name="late").bind(5)])
    assert workflow.run(dag, workflow_id="mine") == [5, 5]
    assert [workflow.run(give.bind(number)) for number in range(5)] == [0, 1, 2, 3, 4]


@workflow.task
def fail_together() -> Any:
    return workflow.continuation(give.bind([fail.options(name="breaks").bind(), give.bind(1)]))


def test_of_a_task_whose_failure_was_caught_it_cannot_be_had_while_the_workflow_goes_on(
    engine: EngineUnderTest, gate: Gate
) -> None:
    caught = fail_together.options(**workflow.options(catch_exceptions=True)).bind()
    output = workflow.run_async(wait.bind(gate, caught), workflow_id="mine")
    with pytest.raises(ValueError, match="'breaks' of workflow 'mine' has no stored output: it is FAILED"):
        engine.value(workflow.get_output_async("mine", task_id="breaks"))
    gate.open()
    assert isinstance(engine.value(output)[1], KeyError)


def test_a_task_may_wait_for_another_s_that_a_continuation_has_yet_to_make(
    engine: EngineUnderTest, gate: Gate
) -> None:
    dag = give.bind([ask.options(name="asks").bind("late"), go_on.bind(wait.bind(gate, gate))])
    output = workflow.run_async(dag, workflow_id="mine")
    said = "get_output waits: workflow 'mine' has no task 'late' yet"
    until(lambda: [line["text"] for line in workflow.get_logs("mine", "asks")] == [said], what="a line")
    gate.open()
    assert engine.value(output)[0] == "late value"


@pytest.mark.parametrize("call", [workflow.get_output, workflow.get_output_async])
def test_of_an_unknown_workflow_or_task_is_a_value_error(engine: EngineUnderTest, call: object) -> None:
    workflow.run(give.options(name="known").bind(1), workflow_id="mine")
    with pytest.raises(ValueError, match="No such workflow_id 'nobody'"):
        engine.value(workflow.get_output_async("nobody"))
    with pytest.raises(ValueError, match="No such task_id 'nothing' in workflow 'mine'"):
        workflow.get_output("mine", task_id="nothing")
    with pytest.raises(ValueError, match="No such workflow_id 'nobody'"):
        workflow.get_output("nobody", name="known")


def test_two_different_names_for_the_task(engine: EngineUnderTest) -> None:
    workflow.run(give.bind(1), workflow_id="mine")
    with pytest.raises(ValueError, match="task_id and name mean the same, and are 'a' and 'b'"):
        workflow.get_output("mine", task_id="a", name="b")


def test_without_a_checkpoint_it_cannot_be_had_and_says_why(engine: EngineUnderTest) -> None:
    unstored = give.options(**workflow.options(name="unstored", checkpoint=False)).bind(1)
    workflow.run(give.options(name="stored").bind(unstored), workflow_id="mine")
    assert workflow.get_output("mine") == 1
    with pytest.raises(ValueError, match="'unstored' of workflow 'mine'"):
        workflow.get_output("mine", task_id="unstored")


def test_without_a_checkpoint_of_the_last_task(engine: EngineUnderTest) -> None:
    dag = give.options(**workflow.options(checkpoint=False)).bind(1)
    assert workflow.run(dag, workflow_id="mine") == 1
    with pytest.raises(ValueError, match=r"'mine' is not stored \(checkpoint=False, or .*: resume it"):
        workflow.get_output("mine")
    assert workflow.resume("mine") == 1


def test_without_a_checkpoint_while_the_workflow_runs(engine: EngineUnderTest, gate: Gate) -> None:
    unstored = give.options(**workflow.options(name="unstored", checkpoint=False)).bind(1)
    output = workflow.run_async(wait.bind(gate, unstored), workflow_id="mine")
    gate.until_waiting()
    with pytest.raises(ValueError, match=r"'unstored' of workflow 'mine' is not stored \(checkp"):
        workflow.get_output("mine", task_id="unstored")
    gate.open()
    assert engine.value(output) == 1


def test_each_call_gives_an_object_of_its_own(engine: EngineUnderTest) -> None:
    workflow.run(give.bind([1]), workflow_id="mine")
    workflow.get_output("mine").append(2)
    assert workflow.get_output("mine") == [1]


def test_when_it_is_deleted_meanwhile(engine: EngineUnderTest, gate: Gate, tmp_path: Path) -> None:
    workflow.run_async(wait.bind(gate, 1), workflow_id="mine")
    gate.until_waiting()
    task_output = workflow.get_output_async("mine", task_id=workflow.get_tasks("mine")[0]["task_id"])
    workflow.cancel("mine")
    until(lambda: engine.is_done(task_output))
    workflow.delete("mine")
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.get_output("mine")
    with pytest.raises(ValueError, match="mine"):
        engine.value(task_output)


def test_of_one_that_is_deleted_while_it_is_read(
    embedded_engine: EngineUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run(large.bind(), workflow_id="mine")
    asked = Session._stored_output

    def asked_and_deleted(*arguments: Any) -> Any:
        output = asked(*arguments)
        futures.wait([output], DEADLINE)  # it is known where it is, and not read yet
        workflow.delete("mine")
        return output

    monkeypatch.setattr(Session, "_stored_output", asked_and_deleted)
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'mine'"):
        workflow.get_output("mine")
