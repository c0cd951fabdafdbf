"""`workflow.sleep`."""

from __future__ import annotations

import math
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.invariants import connect
from tests.tasks import give, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


def the_sleep(workflow_id: str) -> dict[str, Any]:
    (task,) = [one for one in workflow.get_tasks(workflow_id) if one["task_options"]["task_type"] == "WAIT"]
    return task


def test_a_sleep_is_a_node_of_a_dag_that_gives_none(engine: EngineUnderTest, ledger: Ledger) -> None:
    early = note.bind(ledger, "early")
    dag = give.bind([workflow.sleep(0.05), early])
    before = time.time()
    assert workflow.run(dag, workflow_id="mine") == [None, "early"]
    stats = the_sleep("mine")["stats"]
    assert stats["end_time"] - stats["start_time"] >= 0.05
    assert stats["start_time"] >= before
    measured = workflow.sql("select measured from heliograph_attempts where worker_id = 'engine'").rows
    assert measured == [(None,)], "nothing of a sleep is measured"


def test_how_long_may_be_the_output_of_a_task(engine: EngineUnderTest) -> None:
    assert workflow.run(workflow.sleep(give.bind(0.01)), workflow_id="mine") is None


def test_a_sleep_begins_when_its_turn_has_come(engine: EngineUnderTest, gate: Gate) -> None:
    @workflow.task
    def after(duration: float) -> float:
        gate.wait("after")
        return duration

    output = workflow.run_async(workflow.sleep(after.bind(0.05)), workflow_id="mine")
    gate.until_waiting("after")
    opened = time.time()
    gate.open()
    engine.value(output)
    assert workflow.get_metadata("mine")["stats"]["end_time"] >= opened + 0.05


def test_a_sleep_keeps_its_end_time_across_a_resume(engine: EngineUnderTest) -> None:
    workflow.run_async(give.bind("rested", workflow.sleep(3600)), workflow_id="mine")
    end = until(lambda: ends(engine))
    engine.restart()
    workflow.resume_async("mine")
    workflow.run(give.bind(1))  # by then the resume has begun
    assert ends(engine) == end
    engine.stop()
    with closing(connect(engine.database)) as connection, connection:  # an hour passes
        connection.execute("UPDATE tasks SET due = due - 3600 WHERE due IS NOT NULL")
    engine.init()
    assert workflow.resume("mine") == "rested"


def test_until_when_it_sleeps_is_known_while_it_does(engine: EngineUnderTest) -> None:
    before = time.time()
    workflow.run_async(workflow.sleep(3600), workflow_id="mine")
    wake_time = until(lambda: the_sleep("mine").get("wake_time"))
    assert wake_time == ends(engine)
    assert before + 3600 <= wake_time <= time.time() + 3600


def ends(engine: EngineUnderTest) -> float | None:
    """When the one sleep is to end, as far as that is stored."""
    with closing(connect(engine.database)) as connection:
        row = connection.execute("SELECT max(due) AS due FROM tasks").fetchone()
    due: float | None = row["due"]
    return due


def test_it_occupies_no_worker(engine: EngineUnderTest) -> None:
    sleeping = [workflow.run_async(workflow.sleep(3600), workflow_id=f"{number}") for number in range(50)]
    assert workflow.run(give.bind(1)) == 1
    for number in range(50):
        workflow.cancel(f"{number}")
    for output in sleeping:
        with pytest.raises(workflow.WorkflowCancellationError):
            engine.value(output)


def test_a_resume_after_a_cancel_wakes_nobody_early(engine: EngineUnderTest) -> None:
    workflow.run_async(workflow.sleep(3600), workflow_id="mine")
    until(lambda: the_sleep("mine")["status"] == "WAITING")
    workflow.cancel("mine")
    assert workflow.get_status("mine") == "CANCELED"
    resumed = workflow.resume_async("mine")
    until(lambda: the_sleep("mine")["status"] == "WAITING")
    assert not engine.is_done(resumed)


BAD = [
    (-1, ValueError, "workflow.sleep must be a finite number of seconds, 0 or more, not -1"),
    (-0.001, ValueError, "0 or more, not -0.001"),
    (math.inf, ValueError, "finite number of seconds, 0 or more, not inf"),
    (-math.inf, ValueError, "finite number of seconds, 0 or more, not -inf"),
    (math.nan, ValueError, "finite number of seconds, 0 or more, not nan"),
    (10**400, ValueError, "workflow.sleep must be a finite number of seconds"),
    ("1", TypeError, "workflow.sleep must be a number of seconds, not '1'"),
    (None, TypeError, "workflow.sleep must be a number of seconds, not None"),
    (True, TypeError, "workflow.sleep must be a number of seconds, not True"),
]


@pytest.mark.parametrize(("seconds", "error", "said"), BAD)
def test_negative_infinite_or_nan_is_told_where_it_is_given(
    seconds: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        workflow.sleep(seconds)


@pytest.mark.parametrize(("seconds", "error", "said"), BAD)
def test_negative_infinite_or_nan_from_a_task_fails_the_sleep(
    engine: EngineUnderTest, seconds: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(workflow.sleep(give.bind(seconds)), workflow_id="mine")
    with pytest.raises(error, match=said):
        raise raised.value.__cause__  # type: ignore[misc]
