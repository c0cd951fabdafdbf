"""Async tasks: `async def` functions are tasks, and many wait on one event loop in one worker."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


async def opened(gate: Gate) -> None:
    while not (gate.folder / "open").exists():
        await asyncio.sleep(0.005)


@workflow.task
async def add(left: int, right: int) -> int:
    await asyncio.sleep(0)
    return left + right


@workflow.task
def double(number: int) -> int:
    return 2 * number


@workflow.task
async def wait(gate: Gate, ledger: Ledger, *_after: object) -> str:
    ledger.note("begun")
    try:
        await opened(gate)
    except asyncio.CancelledError:
        ledger.note("cancelled")
        raise
    return "output"


def test_async_def_functions_are_tasks(engine: EngineUnderTest) -> None:
    assert workflow.run(double.bind(add.bind(double.bind(1), 3))) == 10
    assert asyncio.run(add(1, 2)) == 3  # and still what they were


def test_what_is_said_of_them(engine: EngineUnderTest) -> None:
    workflow.run(add.options(name="add").bind(1, 2), workflow_id="mine")
    metadata = workflow.get_metadata("mine", "add")
    assert metadata["task_options"]["task_type"] == "FUNCTION"
    assert metadata["stats"]["end_time"] >= metadata["stats"]["start_time"]
    assert "cpu_time" not in metadata["stats"]  # of one of many on a loop nobody can tell


@workflow.task
async def whoami(gate: Gate, ledger: Ledger) -> tuple[str, str]:
    before = workflow.current()
    ledger.note(before.workflow_id)
    await opened(gate)
    return before.workflow_id, workflow.current().workflow_id


def test_many_wait_in_one_worker_and_each_knows_itself(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    ids = [f"w{number}" for number in range(50)]
    futures = {name: workflow.run_async(whoami.bind(gate, ledger), workflow_id=name) for name in ids}
    until(lambda: set(ledger.lines()) == set(ids))
    assert workflow.run(double.bind(1)) == 2  # they occupy no worker
    gate.open()
    assert {name: engine.value(future) for name, future in futures.items()} == {n: (n, n) for n in ids}
    workers = {workflow.get_tasks(name)[0]["attempts"][0]["worker"]["worker_id"] for name in ids}
    assert len(workers) == 1


@workflow.task
async def fail_at_first(ledger: Ledger, times: int) -> int:
    await asyncio.sleep(0)
    count = ledger.note("tried")
    if count <= times:
        raise OSError("not yet")
    return count


def test_retries(engine: EngineUnderTest, ledger: Ledger) -> None:
    task = fail_at_first.options(retry_exceptions=[OSError])
    assert workflow.run(task.bind(ledger, 2)) == 3


def test_catch_exceptions(engine: EngineUnderTest, ledger: Ledger) -> None:
    value, error = workflow.run(fail_at_first.options(catch_exceptions=True).bind(ledger, 1))
    assert value is None
    assert isinstance(error, OSError)
    assert workflow.run(add.options(catch_exceptions=True).bind(1, 2)) == (3, None)


def test_a_failure_fails_the_workflow(engine: EngineUnderTest, ledger: Ledger) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(fail_at_first.bind(ledger, 1))
    assert isinstance(raised.value.__cause__, OSError)


@workflow.task
async def late_at_first(ledger: Ledger) -> int:
    count = ledger.note("tried")
    if count == 1:
        try:
            await asyncio.sleep(600)
        finally:
            ledger.note("stopped")
    return count


def test_timeout(engine: EngineUnderTest, ledger: Ledger) -> None:
    # For ever: on a busy machine one that only has to say so may be late too.
    task = late_at_first.options(timeout=0.05, max_retries=-1)
    assert workflow.run(task.bind(ledger), workflow_id="mine") >= 2
    until(lambda: ledger.counts()["stopped"] == 1)
    *failed, last = workflow.get_tasks("mine")[0]["attempts"]
    assert {attempt["error"]["type"] for attempt in failed} == {"heliograph.errors.TaskTimeoutError"}
    assert last["status"] == "SUCCESSFUL"


def test_timeout_without_retries(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(wait.options(timeout=0.05, max_retries=0).bind(gate, ledger))
    assert isinstance(raised.value.__cause__, workflow.TaskTimeoutError)
    until(lambda: "cancelled" in ledger.lines())


def test_cancel_ends_the_coroutine(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    future = workflow.run_async(wait.bind(gate, ledger), workflow_id="mine")
    until(lambda: ledger.lines() == ["begun"])
    workflow.cancel("mine")
    until(lambda: ledger.lines() == ["begun", "cancelled"])
    with pytest.raises(workflow.WorkflowCancellationError):
        engine.value(future)


def test_resume(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    last = wait.bind(gate, ledger, add.options(name="add").bind(1, 2))
    workflow.run_async(double.options(name="double").bind(1), workflow_id="other")
    workflow.run_async(last, workflow_id="mine")
    until(lambda: "begun" in ledger.lines())
    engine.restart()
    assert workflow.get_status("mine") == workflow.RESUMABLE
    futures = [workflow.resume_async("mine")]
    until(lambda: ledger.counts()["begun"] == 2)
    assert workflow.run(double.bind(1)) == 2
    gate.open()
    assert engine.value(futures[0]) == "output"
    assert len(workflow.get_metadata("mine", "add")["attempts"]) == 1
    (again,) = [task for task in workflow.get_tasks("mine") if task["name"] != "add"]
    loops = {attempt["worker"]["worker_id"] for attempt in again["attempts"]}
    # On Ray the actor goes with its coordinator, which may have seen the first attempt run, or not.
    assert len(loops) == (len(again["attempts"]) if engine.is_ray else 1)


@workflow.task
async def countdown(number: int) -> Any:
    return workflow.continuation(countdown.bind(number - 1)) if number else "lift-off"


def test_continuations(engine: EngineUnderTest) -> None:
    assert workflow.run(countdown.bind(20)) == "lift-off"


@workflow.task
async def die_at_first(ledger: Ledger) -> int:
    if ledger.note("tried") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return ledger.counts()["tried"]


def test_a_worker_that_dies(isolating_engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    other = workflow.run_async(wait.bind(gate, ledger), workflow_id="other")
    until(lambda: ledger.counts()["begun"] == 1)
    assert workflow.run(die_at_first.bind(ledger)) == 2
    until(lambda: ledger.counts()["begun"] == 2)  # it was in the same process
    gate.open()
    assert isolating_engine.value(other) == "output"
    statuses = [attempt["status"] for attempt in workflow.get_tasks("other")[0]["attempts"]]
    assert statuses == ["FAILED", "SUCCESSFUL"]


def noted(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        workflow.current()
        return function(*args)

    return wrapper


@workflow.task
@noted
async def wrapped(gate: Gate) -> str:
    await opened(gate)
    return workflow.current().task_id


def test_decorated_ones(engine: EngineUnderTest, gate: Gate) -> None:
    futures = [workflow.run_async(wrapped.options(name=f"{number}").bind(gate)) for number in range(20)]
    assert workflow.run(workflow.Task(functools.partial(add.function, 1)).bind(2)) == 3
    gate.open()
    assert [engine.value(future) for future in futures] == [f"{number}" for number in range(20)]
