"""`workflow.send_event`: what the HTTP endpoint does, from Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import DEADLINE
from tests.contract.test_http_events import waits
from tests.gates import Gate
from tests.web.sending import rows, until_listening, until_state

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


def test_it_returns_only_after_the_event_is_checkpointed(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(waits("approval", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "approval")
    answer = workflow.send_event_async("mine", "approval", {"by": "Ada"})
    gate.until_waiting("received")
    assert not answer.done()
    gate.open()
    assert answer.result(DEADLINE) == "checkpointed"
    assert workflow.get_output("mine", task_id="wait") == ("approval", {"by": "Ada"})
    assert engine.value(output) == ("approval", {"by": "Ada"})


def test_from_another_process(engine: EngineUnderTest) -> None:
    output = workflow.run_async(waits("k"), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    assert engine.elsewhere("print(workflow.send_event('mine', 'k', 7))") == "checkpointed\n"
    assert engine.value(output) == ("k", 7)


@workflow.task
def tell(workflow_id: str, key: str) -> str:
    return workflow.send_event(workflow_id, key, "from a task")


def test_from_a_task(engine: EngineUnderTest) -> None:
    output = workflow.run_async(waits("k"), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    assert workflow.run(tell.bind("mine", "k")) == "checkpointed"
    assert engine.value(output) == ("k", "from a task")


def test_nobody_waits_for_it(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'mine'"):
        workflow.send_event("mine", "k", 1)
    output = workflow.run_async(waits("k"), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    with pytest.raises(
        workflow.EventNotAwaitedError, match="no task of workflow 'mine' waits for event_key 'x' now"
    ):
        workflow.send_event("mine", "x", 1)
    assert workflow.send_event("mine", "k") == "checkpointed"
    assert engine.value(output) == ("k", None)
    with pytest.raises(workflow.EventNotAwaitedError, match="'mine' is SUCCESSFUL: nobody waits"):
        workflow.send_event("mine", "k", keep=True)
    assert len(rows(engine.storage, "http_events")) == 1


def test_a_kept_event_waits_for_who_will_wait_for_it(engine: EngineUnderTest, gate: Gate) -> None:
    @workflow.task
    def late() -> Any:
        gate.wait("late")
        return waits("k")

    output = workflow.run_async(late.bind(), workflow_id="mine")
    gate.until_waiting("late")
    assert workflow.send_event("mine", "k", 1, keep=True) == "kept"
    gate.open()
    assert engine.value(output) == ("k", 1)


def test_sent_again_under_its_name_it_is_the_same_event(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    first = workflow.send_event_async("mine", "k", 7, idempotency_key="number 7")
    gate.until_waiting("received")
    again = workflow.send_event_async("mine", "k", 7, idempotency_key="number 7")
    with pytest.raises(ValueError, match="idempotency key was used for another event_payload"):
        workflow.send_event("mine", "k", 8, idempotency_key="number 7")
    gate.open()
    assert [answer.result(DEADLINE) for answer in (first, again)] == ["checkpointed"] * 2
    assert engine.value(output) == ("k", 7)
    assert len(rows(engine.storage, "http_events")) == 1


def test_who_stops_waiting_does_not_take_it_back(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    left = workflow.send_event_async("mine", "k", 7)
    gate.until_waiting("received")
    assert left.cancel()
    gate.open()
    assert engine.value(output) == ("k", 7)
    until_state(engine.storage, "CHECKPOINTED")


def test_a_workflow_that_is_cancelled_takes_nothing(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    answer = workflow.send_event_async("mine", "k", 7)
    gate.until_waiting("received")
    workflow.cancel("mine")
    with pytest.raises(
        workflow.EventNotAwaitedError, match="'mine' is CANCELED: it ended before it took the event"
    ):
        answer.result(DEADLINE)
    gate.open()


def test_what_is_to_be_kept_waits_for_the_resume_of_one_that_is_cancelled(
    engine: EngineUnderTest, gate: Gate
) -> None:
    workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    answer = workflow.send_event_async("mine", "k", 7, keep=True)
    gate.until_waiting("received")
    workflow.cancel("mine")
    assert answer.result(DEADLINE) == "kept"
    gate.open()
    assert workflow.resume("mine") == ("k", 7)


def test_who_waits_at_the_shutdown_is_told_and_the_event_stays(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    answer = workflow.send_event_async("mine", "k", 7)
    gate.until_waiting("received")
    gate.open()
    engine.restart()
    if answer.exception(DEADLINE) is not None:  # else the task was faster than the shutdown
        assert "the event stays sent" in str(answer.exception())
    assert workflow.resume("mine") == ("k", 7)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"workflow_id": 5}, TypeError, "workflow_id must be a str, not int: 5"),
        ({"workflow_id": ""}, ValueError, "workflow_id must not be empty"),
        ({"event_key": None}, TypeError, "event_key must be a str, not NoneType"),
        ({"event_key": "a\nb"}, ValueError, "event_key holds a control character at position 1"),
        ({"event_payload": {1, 2}}, ValueError, "event_payload must be JSON serialisable: .*set"),
        ({"event_payload": math.nan}, ValueError, "event_payload must be JSON serialisable: Out of range"),
        ({"event_payload": [[]]}, ValueError, "nested too deeply"),
        ({"keep": "yes"}, TypeError, "keep must be True or False, not 'yes'"),
        ({"idempotency_key": "k" * 513}, ValueError, "idempotency_key must have at most 512 characters"),
    ],
)
def test_an_event_that_can_not_be(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    if arguments.get("event_payload") == [[]]:
        deep: list[Any] = []
        for _ in range(200_000):
            deep = [deep]
        arguments = {"event_payload": deep}
    with pytest.raises(error, match=said):
        workflow.send_event(**{"workflow_id": "mine", "event_key": "k", "event_payload": 1} | arguments)
