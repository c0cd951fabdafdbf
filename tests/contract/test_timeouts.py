"""`timeout`, and the pauses before retries."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest

pytestmark = pytest.mark.filterwarnings("ignore:task .* is to stop:RuntimeWarning")


@workflow.task
def late_until(ledger: Ledger, gate: Gate, attempt: int) -> int:
    if (now := ledger.note("try")) < attempt:
        gate.wait(f"{now}")
    return now


@workflow.task
def fail_until(ledger: Ledger, attempt: int) -> int:
    if (now := ledger.note("try")) < attempt:
        raise OSError(f"try {now}")
    return now


def attempts(workflow_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow.get_tasks(workflow_id)[-1]["attempts"]
    return found


def test_an_attempt_that_runs_over_is_stopped_and_retried(
    engine: EngineUnderTest, ledger: Ledger, gate: Gate
) -> None:
    # For ever: on a busy machine a new worker may not be ready within the timeout, and that counts too.
    task = late_until.options(**workflow.options(timeout=0.5), max_retries=-1)
    assert workflow.run(task.bind(ledger, gate, 2), workflow_id="mine") >= 2
    *failed, last = attempts("mine")
    assert {attempt["error"]["type"] for attempt in failed} == {"heliograph.errors.TaskTimeoutError"}
    assert last["status"] == "SUCCESSFUL"
    assert workflow.get_metadata("mine")["task_options"]["timeout"] == 0.5


def test_an_attempt_that_runs_over_fails_the_task_when_there_are_no_retries(
    engine: EngineUnderTest, ledger: Ledger, gate: Gate
) -> None:
    task = late_until.options(name="late", timeout=0.1, max_retries=0)
    with pytest.raises(workflow.WorkflowExecutionError, match="'late'") as raised:
        workflow.run(task.bind(ledger, gate, 99))
    cause = raised.value.__cause__
    assert isinstance(cause, workflow.TaskTimeoutError)
    assert isinstance(cause, TimeoutError)
    assert str(cause) == "task 'late' ran longer than its timeout of 0.1 s"


def test_an_attempt_that_ends_in_time_is_left_alone(
    engine: EngineUnderTest, ledger: Ledger, gate: Gate
) -> None:
    assert workflow.run(late_until.options(timeout=3600).bind(ledger, gate, 1)) == 1


def test_the_pause_before_a_retry_doubles_up_to_a_bound(engine: EngineUnderTest, ledger: Ledger) -> None:
    delays = workflow.options(retry_delay=0.05, retry_delay_max=0.1)
    task = fail_until.options(**delays, retry_exceptions=True, max_retries=3)
    assert workflow.run(task.bind(ledger, 4), workflow_id="mine") == 4
    first, *others = attempts("mine")
    assert "backoff" not in first["durations"]
    pauses = [attempt["durations"]["backoff"] for attempt in others]
    for pause, most in zip(pauses, [0.05, 0.1, 0.1], strict=True):
        assert most / 2 <= pause <= most  # up to half of it is taken off, at random
    for before, after, pause in zip([first, *others], others, pauses, strict=False):
        assert after["phases"]["started"] - before["phases"]["finished"] >= pause


def test_when_a_task_is_tried_again_is_known_while_it_pauses(
    engine: EngineUnderTest, ledger: Ledger, gate: Gate
) -> None:
    @workflow.task(max_retries=1, retry_exceptions=True)
    def fail_then_wait() -> int:
        if (now := ledger.note("try")) == 1:
            raise OSError("try 1")
        gate.wait()
        return now

    def the_task() -> dict[str, Any]:
        (task,) = workflow.get_tasks("mine")
        return task

    before = time.time()
    paused = fail_then_wait.options(**workflow.options(retry_delay=3600, retry_delay_max=3600))
    workflow.run_async(paused.bind(), workflow_id="mine")
    again_at = until(lambda: the_task().get("next_attempt_time"))
    assert before + 1800 <= again_at <= time.time() + 3600
    assert the_task()["status"] == "WAITING"
    engine.restart()
    assert "next_attempt_time" not in the_task(), "a resume does not wait"
    resumed = workflow.resume_async("mine")
    gate.until_waiting()
    assert "next_attempt_time" not in until(lambda: (now := the_task())["status"] == "RUNNING" and now)
    gate.open()
    assert engine.value(resumed) == 2


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"timeout": 0}, ValueError, "timeout must be more than 0 seconds, not 0$"),
        ({"timeout": 0.0}, ValueError, r"timeout must be more than 0 seconds, not 0\.0$"),
        ({"timeout": -1}, ValueError, "timeout must be a finite number of seconds, 0 or more, not -1"),
        ({"timeout": math.inf}, ValueError, "timeout must be a finite number of seconds.*not inf"),
        ({"timeout": math.nan}, ValueError, "timeout must be a finite number of seconds.*not nan"),
        ({"timeout": "1"}, TypeError, "timeout must be a number of seconds, not '1'"),
        ({"retry_delay": -1}, ValueError, "retry_delay must be a finite number of seconds"),
        ({"retry_delay": math.inf}, ValueError, "retry_delay must be a finite number of seconds"),
        ({"retry_delay_max": math.nan}, ValueError, "retry_delay_max must be a finite number of seconds"),
    ],
)
def test_a_timeout_of_zero_and_other_times_that_can_not_be(
    given: dict[str, Any], error: type[Exception], said: str
) -> None:
    for give in (workflow.options, late_until.options, workflow.task):
        with pytest.raises(error, match=said):
            give(**given)
