"""Retries and caught exceptions."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.gates import Ledger
from tests.tasks import give

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


class OurError(OSError):
    pass


@workflow.task
def fail_until(ledger: Ledger, attempt: int, error: BaseException) -> int:
    if (now := ledger.note("try")) < attempt:
        raise error
    return now


@workflow.task
def die_until(ledger: Ledger, attempt: int, how: str = "SIGKILL") -> int:
    if (now := ledger.note("try")) < attempt:
        if how != "exit":
            os.kill(os.getpid(), signal.Signals[how])
        os._exit(3)
    return now


def attempts(workflow_id: str) -> list[str]:
    return [attempt["status"] for attempt in workflow.get_tasks(workflow_id)[-1]["attempts"]]


# -- exceptions


@pytest.mark.parametrize("given", [{}, {"retry_exceptions": False}, {"max_retries": 5}])
def test_an_exception_is_not_retried_by_default(
    engine: EngineUnderTest, ledger: Ledger, given: dict[str, Any]
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_until.options(**given).bind(ledger, 2, OSError("no")), workflow_id="mine")
    assert len(ledger.lines()) == 1
    assert attempts("mine") == ["FAILED"]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (True, OSError("x")),
        ([OSError], OSError("x")),
        ([KeyError, OSError], OurError("x")),
        ((ValueError,), UnicodeError("x")),
        (Exception, KeyError("x")),
    ],
)
def test_exceptions_that_are_retried(
    engine: EngineUnderTest, ledger: Ledger, wanted: Any, error: Exception
) -> None:
    task = fail_until.options(retry_exceptions=wanted)
    assert workflow.run(task.bind(ledger, 4, error), workflow_id="mine") == 4  # three retries by default
    assert attempts("mine") == ["FAILED", "FAILED", "FAILED", "SUCCESSFUL"]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [([OurError], OSError("x")), ([KeyError, ValueError], OSError("x")), ([], OSError("x"))],
)
def test_exceptions_of_other_types_are_not_retried(
    engine: EngineUnderTest, ledger: Ledger, wanted: Any, error: Exception
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(fail_until.options(retry_exceptions=wanted).bind(ledger, 2, error))
    assert isinstance(raised.value.__cause__, OSError)
    assert len(ledger.lines()) == 1


def test_a_local_exception_type_is_retried(engine: EngineUnderTest, ledger: Ledger) -> None:
    class LocalError(Exception):
        pass

    task = fail_until.options(retry_exceptions=[LocalError])
    assert workflow.run(task.bind(ledger, 2, LocalError())) == 2


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_an_exception_is_retried_up_to_max_retries(
    engine: EngineUnderTest, ledger: Ledger, max_retries: int
) -> None:
    task = fail_until.options(retry_exceptions=True, max_retries=max_retries)
    with pytest.raises(workflow.WorkflowExecutionError, match="the last"):
        workflow.run(task.bind(ledger, 100, OSError("the last")), workflow_id="mine")
    assert len(ledger.lines()) == max_retries + 1
    assert attempts("mine") == ["FAILED"] * (max_retries + 1)


def test_minus_one_is_for_ever(engine: EngineUnderTest, ledger: Ledger) -> None:
    task = fail_until.options(retry_exceptions=True, max_retries=-1)
    assert workflow.run(task.bind(ledger, 30, OSError()), workflow_id="mine") == 30
    assert attempts("mine") == [*["FAILED"] * 29, "SUCCESSFUL"]


def test_a_resume_has_its_retries_again(engine: EngineUnderTest, ledger: Ledger) -> None:
    task = fail_until.options(retry_exceptions=True, max_retries=1)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(task.bind(ledger, 4, OSError()), workflow_id="mine")
    engine.restart()
    assert workflow.resume("mine") == 4
    assert attempts("mine") == ["FAILED", "FAILED", "FAILED", "SUCCESSFUL"]


# -- workers that die


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "exit"])
def test_a_worker_that_dies_is_retried(isolating_engine: EngineUnderTest, ledger: Ledger, how: str) -> None:
    assert workflow.run(die_until.bind(ledger, 4, how), workflow_id="mine") == 4
    assert attempts("mine") == ["FAILED", "FAILED", "FAILED", "SUCCESSFUL"]
    told = [attempt["durations"].get("compute") for attempt in workflow.get_tasks("mine")[0]["attempts"]]
    assert isolating_engine.is_ray or None not in told  # there it may die before it says that it began
    assert workflow.sql("select compute from heliograph_attempts order by attempt").rows == [
        (pytest.approx(compute),) for compute in told
    ]


@pytest.mark.parametrize(
    ("given", "max_retries"), [({"max_retries": 0}, 0), ({"max_retries": 2}, 2), ({}, 3)]
)
def test_a_worker_that_dies_is_retried_up_to_max_retries(
    isolating_engine: EngineUnderTest, ledger: Ledger, given: dict[str, int], max_retries: int
) -> None:
    task = die_until.options(**given, name="killer")
    with pytest.raises(workflow.WorkflowExecutionError, match="killer") as raised:
        workflow.run(task.bind(ledger, 100), workflow_id="mine")
    assert len(ledger.lines()) == max_retries + 1
    assert isinstance(raised.value.__cause__, workflow.WorkerDiedError)
    assert ("died" if isolating_engine.is_ray else "SIGKILL") in str(raised.value.__cause__)
    assert workflow.run(give.bind(1)) == 1


def test_a_worker_that_dies_for_ever(isolating_engine: EngineUnderTest, ledger: Ledger) -> None:
    assert workflow.run(die_until.options(max_retries=-1).bind(ledger, 6)) == 6


def test_a_worker_that_dies_hurts_no_other_task(isolating_engine: EngineUnderTest, ledger: Ledger) -> None:
    @workflow.task
    def gather(*values: object) -> list[object]:
        return list(values)

    dag = gather.bind(die_until.bind(ledger, 3), *[give.bind(number) for number in range(50)])
    assert workflow.run(dag, workflow_id="mine") == [3, *range(50)]
    others = [task for task in workflow.get_tasks("mine") if "give" in task["name"]]
    assert {tuple(attempt["status"] for attempt in task["attempts"]) for task in others} == {("SUCCESSFUL",)}


def test_deaths_and_exceptions_count_together(isolating_engine: EngineUnderTest, ledger: Ledger) -> None:
    @workflow.task(max_retries=3, retry_exceptions=True)
    def both() -> int:
        now = ledger.note("try")
        if now in (1, 3):
            os.kill(os.getpid(), signal.SIGKILL)
        if now == 2:
            raise OSError
        return now

    assert workflow.run(both.bind()) == 4


# -- caught exceptions


def test_catch_exceptions_turns_the_output_into_a_pair(engine: EngineUnderTest, ledger: Ledger) -> None:
    good = give.options(**workflow.options(catch_exceptions=True))
    assert workflow.run(good.bind(5), workflow_id="good") == (5, None)
    assert workflow.get_output("good") == (5, None)
    bad = fail_until.options(**workflow.options(catch_exceptions=True))
    value, error = workflow.run(bad.bind(ledger, 2, OurError("no")), workflow_id="bad")
    assert value is None
    assert isinstance(error, OurError)
    assert str(error) == "no"
    assert workflow.get_status("bad") == "SUCCESSFUL"
    assert attempts("bad") == ["FAILED"]
    again = workflow.resume("bad")
    assert (again[0], type(again[1])) == (None, OurError)
    assert len(ledger.lines()) == 1


def test_caught_in_the_middle(engine: EngineUnderTest, ledger: Ledger) -> None:
    @workflow.task
    def handle(result: tuple[object, Exception | None]) -> str:
        value, error = result
        return f"caught {error}" if error else f"got {value}"

    bad = fail_until.options(**workflow.options(catch_exceptions=True)).bind(ledger, 2, OSError("no"))
    assert workflow.run(handle.bind(bad)) == "caught no"


def test_caught_only_after_the_retries(engine: EngineUnderTest, ledger: Ledger) -> None:
    options = workflow.options(catch_exceptions=True)
    task = fail_until.options(**options, retry_exceptions=True, max_retries=2)
    value, error = workflow.run(task.bind(ledger, 100, OSError("no")), workflow_id="mine")
    assert value is None
    assert isinstance(error, OSError)
    assert len(ledger.lines()) == 3
    assert attempts("mine") == ["FAILED"] * 3


def test_a_death_is_caught_too(isolating_engine: EngineUnderTest, ledger: Ledger) -> None:
    task = die_until.options(**workflow.options(catch_exceptions=True), max_retries=0)
    value, error = workflow.run(task.bind(ledger, 100))
    assert value is None
    assert isinstance(error, workflow.WorkerDiedError)


def test_an_error_that_can_not_be_pickled_is_caught_as_text(engine: EngineUnderTest) -> None:
    @workflow.task
    def break_() -> None:
        import threading

        error = ValueError("holds a lock")
        error.lock = threading.Lock()  # type: ignore[attr-defined]
        raise error

    value, error = workflow.run(break_.options(**workflow.options(catch_exceptions=True)).bind())
    assert value is None
    assert isinstance(error, workflow.RemoteError)
    assert "ValueError: holds a lock" in str(error)
