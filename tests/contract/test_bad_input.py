"""Functions, arguments, outputs and ids that can't be: each a clear error of a documented type."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.gates import Ledger
from tests.tasks import give, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def make_lock(*_after: object) -> object:
    return threading.Lock()


@workflow.task
def make_deep_lock() -> object:
    return {"inner": [threading.Lock()]}


@workflow.task
def open_file(path: str, mode: str) -> object:
    return {"inner": open(path, mode)}


@workflow.task
def gather(*values: object) -> list[object]:
    return list(values)


class Explosive:
    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


class ExplodesLater:
    """Pickles, and does not unpickle."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


# -- a function that can't be pickled


def test_a_function_that_can_not_be_pickled(engine: EngineUnderTest) -> None:
    lock = threading.Lock()

    @workflow.task
    def locked() -> None:
        with lock:
            pass

    with pytest.raises(workflow.NotPicklableError, match=r"the function of task '.*locked'.*lock"):
        workflow.run(locked.bind(), workflow_id="mine")
    assert workflow.list_all() == []
    assert workflow.run(give.bind(1), workflow_id="mine") == 1


# -- an argument that can't be pickled


@pytest.mark.parametrize("value", [threading.Lock(), [threading.Lock()], Explosive(), (x for x in "abc")])
def test_an_argument_that_can_not_be_pickled(engine: EngineUnderTest, value: object) -> None:
    dag = gather.options(name="gathers").bind(1, give.bind(2), value)
    with pytest.raises(
        workflow.NotPicklableError, match=r"argument 2 of task 'gathers'.*it is of type"
    ) as raised:
        workflow.run(dag, workflow_id="mine")
    assert type(value).__qualname__ in str(raised.value)
    assert "Make it inside the task" in str(raised.value)
    assert workflow.list_all() == []


def test_a_keyword_argument_that_can_not_be_pickled(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.NotPicklableError, match=r"argument 'value' of task"):
        workflow.run(give.bind(value=threading.Lock()))


def test_an_input_that_can_not_be_pickled(engine: EngineUnderTest) -> None:
    with workflow.InputNode() as given, pytest.raises(workflow.NotPicklableError, match="argument 0 of task"):
        workflow.run(give.bind(given), threading.Lock())


def test_an_argument_that_can_not_be_unpickled(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(give.options(name="takes").bind(ExplodesLater()), workflow_id="mine")
    cause = raised.value.__cause__
    assert isinstance(cause, workflow.WorkflowTaskNotRecoverableError)
    assert "'takes'" in str(cause)
    assert "arguments can't be loaded in the worker" in str(cause)


# -- an output that can't be pickled


@pytest.mark.parametrize(("task", "kind"), [(make_lock, "_thread.lock"), (make_deep_lock, "builtins.dict")])
def test_an_output_that_can_not_be_pickled(engine: EngineUnderTest, task: workflow.Task, kind: str) -> None:
    with pytest.raises(workflow.WorkflowExecutionError, match="'makes'") as raised:
        workflow.run(task.options(name="makes").bind(), workflow_id="mine")
    cause = raised.value.__cause__
    assert isinstance(cause, workflow.NotPicklableError)
    assert f"the output of task 'makes' can't be pickled: it is of type {kind}" in str(cause)
    assert workflow.get_status("mine") == "FAILED"
    assert workflow.run(give.bind(1)) == 1


def test_in_a_fan_out_the_other_outputs_stay(engine: EngineUnderTest, ledger: Ledger) -> None:
    others = [note.options(name=f"other {number}").bind(ledger, f"{number}") for number in range(10)]
    lock = make_lock.options(name="lock").bind(*others)
    with pytest.raises(workflow.WorkflowExecutionError, match="'lock'"):
        workflow.run(gather.bind(lock, *others), workflow_id="mine")
    for number in range(10):
        assert workflow.get_output("mine", task_id=f"other {number}") == f"{number}"
    with pytest.raises(workflow.WorkflowExecutionError, match="'lock'"):
        workflow.resume("mine")
    assert ledger.counts() == {f"{number}": 1 for number in range(10)}


def test_an_output_that_can_not_be_pickled_is_caught(engine: EngineUnderTest) -> None:
    task = make_lock.options(**workflow.options(catch_exceptions=True))
    value, error = workflow.run(task.bind())
    assert value is None
    assert isinstance(error, workflow.NotPicklableError)


def test_an_output_that_can_not_be_unpickled(engine: EngineUnderTest) -> None:
    @workflow.task
    def make() -> object:
        return ExplodesLater()

    output = workflow.run_async(make.bind(), workflow_id="mine")
    # `ray.get` says of everything that can't be unpickled that it is a RaySystemError.
    with pytest.raises(Exception if engine.is_ray else ValueError, match="no number"):
        engine.value(output)
    assert workflow.get_status("mine") == "SUCCESSFUL"
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(give.options(name="takes").bind(make.bind()))
    assert isinstance(raised.value.__cause__, workflow.WorkflowTaskNotRecoverableError)


# -- open files: cloudpickle would put a copy of what a text file holds in the file's place


def opened(path: Path, mode: str) -> Any:
    path.write_text("text")
    if mode == "temporary":
        return tempfile.NamedTemporaryFile("w+", dir=path.parent)
    return path.open(mode)


@pytest.mark.parametrize("mode", ["r", "rb", "r+", "w", "temporary"])
def test_an_argument_that_is_an_open_file_can_not_be_pickled(
    engine: EngineUnderTest, tmp_path: Path, mode: str
) -> None:
    with (
        opened(tmp_path / "file", mode) as file,
        pytest.raises(workflow.NotPicklableError, match="argument 0 of task") as raised,
    ):
        workflow.run(gather.bind([file]))
    assert "cannot pickle" in str(raised.value)
    assert "Make it inside the task" in str(raised.value)
    assert workflow.list_all() == []


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mode", ["r", "rb"])
def test_an_output_that_is_an_open_file_can_not_be_pickled(
    engine: EngineUnderTest, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(open_file.bind(str(path), mode))
    assert isinstance(raised.value.__cause__, workflow.NotPicklableError)


def test_stdout_of_a_task_is_that_of_its_worker(engine: EngineUnderTest) -> None:
    printed = engine.elsewhere(
        "import sys\n"
        "is_mine = workflow.task(lambda given: given is sys.stdout)\n"
        "print(workflow.run(is_mine.bind(sys.stdout)))"
    )
    assert printed == "True\n"


# -- what Ray's tasks have, and ours have not


def test_remote_says_bind() -> None:
    with pytest.raises(AttributeError, match=r"give'> has no \.remote: make a node with \.bind\(\.\.\.\)"):
        give.remote(1)
    assert not hasattr(give, "remote")


# -- ids


CALLS = {
    "run": lambda name: workflow.run(give.bind(1), workflow_id=name),
    "run_async": lambda name: workflow.run_async(give.bind(1), workflow_id=name),
    "resume": workflow.resume,
    "resume_async": workflow.resume_async,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "workflow_id must not be empty"),
        ("x" * 513, "workflow_id must have at most 512 characters, not 513: 'xxx"),
        ("a\x00b", r"workflow_id holds a control character at position 1: 'a\\x00b'"),
        ("a\nb", r"workflow_id holds a control character at position 1: 'a\\nb'"),
        ("tab\t", "workflow_id holds a control character at position 3"),
        ("\x7f", "workflow_id holds a control character at position 0"),
        ("\ud800", "workflow_id holds half a character at position 0"),
    ],
    ids=["empty", "long", "zero", "newline", "tab", "delete", "surrogate"],
)
def test_a_workflow_id_that_can_not_be(engine: EngineUnderTest, call: Any, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(name)
    assert workflow.list_all() == []


@pytest.mark.parametrize("name", [5, b"bytes", ["a"], 1.5, True])
def test_a_workflow_id_that_is_no_text(engine: EngineUnderTest, name: Any) -> None:
    with pytest.raises(TypeError, match="workflow_id must be a str, not "):
        workflow.run(give.bind(1), workflow_id=name)
    assert workflow.list_all() == []


@pytest.mark.parametrize("name", ["", "x" * 600, "a\x00b", "\ud800", "nobody"])
@pytest.mark.parametrize(
    "call", ["get_status", "get_output", "get_metadata", "get_tasks", "get_history", "cancel", "delete"]
)
def test_an_id_that_can_not_be_is_not_found(engine: EngineUnderTest, call: str, name: str) -> None:
    with pytest.raises(ValueError, match="workflow_id"):
        getattr(workflow, call)(name)


def test_an_id_of_512_characters(engine: EngineUnderTest) -> None:
    assert workflow.run(give.bind(1), workflow_id="ü" * 512) == 1
    assert workflow.get_status("ü" * 512) == "SUCCESSFUL"
