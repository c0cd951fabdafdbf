"""The exceptions, and what is said of a task's own."""

from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.tasks import give, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


class CustomError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code


class StubbornError(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("only one")


class UnpicklableError(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        import threading

        self.lock = threading.Lock()


class SpeechlessExit(SystemExit):
    def __str__(self) -> str:
        raise SystemExit("no text either")


class HomesickError(Exception):
    """Can be loaded in the process that raised it only."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return load_at_home, (os.getpid(),)


def load_at_home(pid: int) -> HomesickError:
    if os.getpid() != pid:
        raise SpeechlessExit
    return HomesickError("from afar")


class LingeringError(Exception):
    """Loading it takes until the gate is open, but for the worker that raised it."""

    def __init__(self, gate: Gate) -> None:
        super().__init__("lingers")
        self.gate = gate
        self.worker = threading.get_ident(), os.getpid()

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        if self.worker != (threading.get_ident(), os.getpid()):
            self.gate.wait(threading.current_thread().name)


class NotelessError(Exception):
    __notes__ = 3


@workflow.task
def raise_homesick() -> None:
    raise HomesickError("from afar")


@workflow.task
def raise_lingering(gate: Gate) -> None:
    raise LingeringError(gate)


@workflow.task
def raise_noteless() -> None:
    raise NotelessError("takes no notes")


@workflow.task
def raise_custom() -> None:
    raise CustomError(42, "the answer")


@workflow.task
def raise_stubborn() -> None:
    raise StubbornError(1, 2)


@workflow.task
def raise_unpicklable() -> None:
    raise UnpicklableError


@workflow.task
def raise_chained() -> None:
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise ValueError("outer") from error


@workflow.task
def leave(code: object) -> None:
    import sys

    sys.exit(code)  # type: ignore[arg-type]


def test_the_family_of_exceptions() -> None:
    assert issubclass(workflow.WorkflowExecutionError, workflow.WorkflowError)
    assert issubclass(workflow.WorkflowCancellationError, workflow.WorkflowError)
    assert issubclass(workflow.WorkflowNotResumableError, workflow.WorkflowError)
    assert issubclass(workflow.WorkflowTaskNotRecoverableError, workflow.WorkflowNotResumableError)
    assert issubclass(workflow.WorkflowNotFoundError, workflow.WorkflowError)
    assert issubclass(workflow.WorkflowNotFoundError, ValueError)
    assert issubclass(workflow.WorkflowStillActiveError, workflow.WorkflowError)
    for name in dir(workflow.exceptions):
        kind = getattr(workflow.exceptions, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert kind.__doc__
            assert getattr(workflow, name) is kind


def test_the_cause_of_an_execution_error_is_the_tasks_error(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(raise_custom.options(name="breaks").bind(), workflow_id="mine")
    cause = raised.value.__cause__
    assert isinstance(cause, CustomError)
    assert (cause.code, cause.args) == (42, (42, "the answer"))
    assert "workflow 'mine' failed in task 'breaks'" in str(raised.value)
    assert "CustomError" in str(raised.value)


def test_from_another_process_the_cause_is_the_same(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(raise_custom.bind(), workflow_id="mine")
    printed = engine.elsewhere(
        "try: workflow.get_output('mine')\n"
        "except workflow.WorkflowExecutionError as error: print(error.__cause__.code)"
    )
    assert printed == "42\n"


@pytest.mark.parametrize("task", [raise_stubborn, raise_unpicklable])
def test_an_error_that_can_not_be_rebuilt_is_told(engine: EngineUnderTest, task: workflow.Task) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(task.bind(), workflow_id="mine")
    cause = raised.value.__cause__
    assert isinstance(cause, workflow.RemoteError)
    kind = {raise_stubborn: "StubbornError: only one", raise_unpicklable: "UnpicklableError: holds a lock"}
    assert kind[task] in str(cause)
    error = workflow.get_tasks("mine")[0]["attempts"][0]["error"]
    assert error["type"].endswith(kind[task].split(":")[0])
    assert task.function.__name__ in error["traceback"]


@pytest.mark.parametrize("task", [raise_homesick, raise_noteless])
def test_an_error_whose_own_code_misbehaves_hurts_nobody_else(
    engine: EngineUnderTest, task: workflow.Task
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError, match="workflow 'mine' failed"):
        workflow.run(task.bind(), workflow_id="mine")
    with pytest.raises(workflow.WorkflowExecutionError, match="workflow 'mine' failed"):
        workflow.get_output("mine")
    assert task.function.__name__ in workflow.get_tasks("mine")[0]["error"]["traceback"]
    assert workflow.run(give.bind(1)) == 1


def test_an_error_is_loaded_where_somebody_asks_for_it(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    failed = workflow.run_async(raise_lingering.bind(gate), workflow_id="mine")
    until(lambda: workflow.get_status("mine") == "FAILED", what="the workflow to fail")
    asked = [failed.exception, workflow.get_output_async("mine").exception]
    assert workflow.run(give.bind(1)) == 1
    names = [f"asks-{number}" for number in range(len(asked))]
    threads = [threading.Thread(target=ask, name=name) for ask, name in zip(asked, names, strict=True)]
    for thread in threads:
        thread.start()
        gate.until_waiting(thread.name)
    assert workflow.run(give.bind(2)) == 2
    gate.open()
    for thread in threads:
        thread.join()
    cause = failed.exception().__cause__
    assert isinstance(cause, LingeringError)
    assert cause.args == ("lingers",)


def test_a_chain_of_errors_is_in_the_traceback(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(raise_chained.bind(), workflow_id="mine")
    error = workflow.get_tasks("mine")[0]["attempts"][0]["error"]
    assert error["type"] == "builtins.ValueError"
    assert "KeyError: 'inner'" in error["traceback"]
    assert "direct cause" in error["traceback"]


@pytest.mark.parametrize("code", [0, 3, "a text", None])
def test_sys_exit_in_a_task_fails_the_task(engine: EngineUnderTest, code: object) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(leave.bind(code), workflow_id="mine")
    cause = raised.value.__cause__
    assert isinstance(cause, SystemExit)
    assert cause.code == code
    assert workflow.run(give.bind(1)) == 1


def test_what_depends_on_a_failed_task_does_not_run(engine: EngineUnderTest, ledger: Ledger) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(note.bind(ledger, "after", raise_custom.bind()), workflow_id="mine")
    assert ledger.lines() == []


def test_an_execution_error_can_be_pickled(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(raise_custom.bind(), workflow_id="mine")
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value)


def test_each_waiter_gets_the_error(engine: EngineUnderTest) -> None:
    output = workflow.run_async(raise_custom.bind(), workflow_id="mine")
    for _ in range(3):
        with pytest.raises(workflow.WorkflowExecutionError):
            engine.value(output)
    if not engine.is_ray:
        assert isinstance(output.exception(), workflow.WorkflowExecutionError)
