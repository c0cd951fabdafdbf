"""`wait_for_event` and `EventListener`."""

from __future__ import annotations

import asyncio
import importlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


class Arrival(workflow.EventListener):
    """Waits for a gate to open; notes what happens to it."""

    async def poll_for_event(self, gate: Gate, ledger: Ledger, event: Any = "event") -> Any:
        self.gate = gate  # seen by no other instance
        ledger.note("polled")
        try:
            while not (gate.folder / "open").exists():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            ledger.note("ended")
            raise
        return event, ledger

    async def event_checkpointed(self, event: Any) -> None:
        assert not hasattr(self, "gate")
        said, ledger = event
        ledger.note(f"stored {said}")


@workflow.task
def say(event: Any, ledger: Ledger) -> str:
    said, _ = event
    ledger.note("dependent")
    return f"got {said}"


@workflow.task
def make(value: Any) -> Any:
    return value


def test_the_event_is_the_output(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    future = workflow.run_async(workflow.wait_for_event(Arrival, gate, ledger), workflow_id="mine")
    until(lambda: ledger.lines() == ["polled"])
    assert workflow.get_status("mine") == workflow.RUNNING
    gate.open()
    assert engine.value(future) == ("event", ledger)


def test_event_checkpointed_comes_before_what_depends_on_the_event(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    gate.open()
    event = workflow.wait_for_event(Arrival, gate, ledger, event=make.bind("parcel"))
    assert workflow.run(say.bind(event, ledger)) == "got parcel"
    assert ledger.lines() == ["polled", "stored parcel", "dependent"]


def test_what_metadata_says_of_it(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    gate.open()
    workflow.run(workflow.wait_for_event(Arrival, gate, ledger), workflow_id="mine")
    tasks = workflow.get_tasks("mine")
    assert [task["task_options"]["task_type"] for task in tasks] == ["WAIT", "WAIT"]
    names = [task["name"] for task in tasks]
    assert [name.rpartition("Arrival.")[2] for name in names] == ["poll_for_event", "event_checkpointed"]
    assert tasks[1]["workflow_refs"] == [names[0]]
    assert workflow.get_metadata("mine")["task_options"]["task_type"] == "WAIT"


def test_many_wait_at_once(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    futures = [
        workflow.run_async(workflow.wait_for_event(Arrival, gate, ledger, number)) for number in range(50)
    ]
    until(lambda: ledger.counts()["polled"] == 50)
    assert workflow.run(make.bind(1)) == 1  # they occupy no worker
    gate.open()
    assert [engine.value(future)[0] for future in futures] == list(range(50))


def test_cancel_ends_the_listener(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(workflow.wait_for_event(Arrival, gate, ledger), workflow_id="mine")
    until(lambda: ledger.lines() == ["polled"])
    workflow.cancel("mine")
    until(lambda: ledger.lines() == ["polled", "ended"])
    assert workflow.get_status("mine") == workflow.CANCELED
    gate.open()
    assert workflow.resume("mine") == ("event", ledger)


def test_cancel_from_another_process(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(workflow.wait_for_event(Arrival, gate, ledger), workflow_id="mine")
    until(lambda: ledger.lines() == ["polled"])
    engine.elsewhere("workflow.cancel('mine')")
    until(lambda: ledger.lines() == ["polled", "ended"])


def test_a_resume_waits_again(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(workflow.wait_for_event(Arrival, gate, ledger), workflow_id="mine")
    until(lambda: ledger.counts()["polled"] == 1)
    engine.restart()
    future = workflow.resume_async("mine")
    until(lambda: ledger.counts()["polled"] == 2)
    gate.open()
    assert engine.value(future) == ("event", ledger)
    assert ledger.counts()["stored event"] == 1


class Refused(workflow.EventListener):
    """Its acknowledgement fails at first."""

    async def poll_for_event(self, ledger: Ledger) -> Ledger:
        ledger.note("polled")
        return ledger

    async def event_checkpointed(self, event: Ledger) -> None:
        if event.note("told") == 1:
            raise ConnectionError("the sender is gone")


def test_an_acknowledgement_that_fails_is_made_again_with_the_stored_event(
    engine: EngineUnderTest, ledger: Ledger
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(workflow.wait_for_event(Refused, ledger), workflow_id="mine")
    assert isinstance(raised.value.__cause__, ConnectionError)
    assert workflow.resume("mine") == ledger
    assert ledger.lines() == ["polled", "told", "told"]


@workflow.task
def go_on(ledger: Ledger) -> Any:
    return workflow.continuation(make.bind(workflow.wait_for_event(Refused, ledger)))


def test_an_event_is_stored_though_other_outputs_are_not(engine: EngineUnderTest, ledger: Ledger) -> None:
    dag = go_on.options(checkpoint=False).bind(ledger)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    assert workflow.resume("mine") == ledger
    assert ledger.counts()["polled"] == 1


class Broken(workflow.EventListener):
    async def poll_for_event(self) -> None:
        await asyncio.sleep(0)
        raise LookupError("no such queue")


class Locked(workflow.EventListener):
    async def poll_for_event(self) -> threading.Lock:
        return threading.Lock()


class Needy(workflow.EventListener):
    def __init__(self, what: str) -> None:
        raise AssertionError(what)

    async def poll_for_event(self) -> None:
        return None


class Silent(workflow.EventListener):
    """Writes nothing."""


@pytest.mark.parametrize(
    ("listener", "error", "said"),
    [
        (Broken, LookupError, "no such queue"),
        (Needy, TypeError, "what"),
        (Silent, NotImplementedError, "Silent has no poll_for_event"),
        (Locked, workflow.NotPicklableError, r"Locked\.poll_for_event.*_thread\.lock"),
    ],
)
def test_a_listener_that_raises_fails_the_task(
    engine: EngineUnderTest, listener: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(workflow.wait_for_event(listener), workflow_id="mine")
    with pytest.raises(error, match=said):
        raise raised.value.__cause__  # type: ignore[misc]
    assert workflow.get_status("mine") == workflow.FAILED


class Hanging(workflow.EventListener):
    """Waits for what never comes."""

    async def poll_for_event(self) -> None:
        await asyncio.Event().wait()

    async def event_checkpointed(self, event: Any) -> None:
        raise AssertionError("nothing came")


@workflow.options(timeout=0.1, name="decorated")
class Impatient(Hanging):
    pass


@pytest.mark.parametrize(
    ("listener", "polls", "name"),
    [
        (Hanging.options(timeout=0.1, max_retries=2), 3, f"{__name__}.Hanging.poll_for_event"),
        (Hanging.options(**workflow.options(timeout=0.1, name="given"), max_retries=0), 1, "given"),
        (Impatient.options(max_retries=0), 1, "decorated"),
    ],
)
def test_a_listener_that_hangs_is_stopped_by_its_timeout(
    engine: EngineUnderTest, listener: Any, polls: int, name: str
) -> None:
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        workflow.run(workflow.wait_for_event(listener), workflow_id="mine")
    assert isinstance(raised.value.__cause__, workflow.TaskTimeoutError)
    assert f"task {name!r} ran longer than its timeout of 0.1 s" in str(raised.value.__cause__)
    attempts = workflow.get_metadata("mine", name)["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["FAILED"] * polls


def test_a_listener_that_hangs_may_be_caught(engine: EngineUnderTest) -> None:
    listener = Impatient.options(max_retries=0, catch_exceptions=True)
    value, error = workflow.run(workflow.wait_for_event(listener))
    assert value is None
    assert isinstance(error, workflow.TaskTimeoutError)


def test_an_event_that_came_is_acknowledged_where_exceptions_are_caught(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    gate.open()
    event = workflow.wait_for_event(Arrival.options(catch_exceptions=True), gate, ledger)
    assert workflow.run(event) == (("event", ledger), None)
    assert ledger.lines() == ["polled", "stored event"]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"timeout": 0}, ValueError, "timeout must be more than 0 seconds"),
        ({"checkpoint": False}, ValueError, "an event is always stored: Hanging can't have checkpoint=False"),
        ({"patience": 5}, ValueError, "unknown option 'patience'; valid ones: "),
    ],
)
def test_options_that_a_listener_can_not_have(given: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Hanging.options(**given)


class Blocking(workflow.EventListener):
    def poll_for_event(self) -> None:  # type: ignore[override]
        pass


class Deaf(workflow.EventListener):
    async def poll_for_event(self) -> None:
        pass

    def event_checkpointed(self, event: Any) -> None:  # type: ignore[override]
        pass


class Stranger:
    async def poll_for_event(self) -> None:
        pass


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Blocking, "Blocking.poll_for_event must be `async def`"),
        (Deaf, "Deaf.event_checkpointed must be `async def`"),
        (Stranger, "takes a subclass of workflow.EventListener, not <class .*Stranger'>"),
        (Broken(), "not <.*Broken object at .*>: give its class"),
        ("Broken", "not 'Broken'"),
        (None, "not None"),
    ],
)
def test_what_is_no_listener(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        workflow.wait_for_event(given)


def test_a_timer_is_an_event(engine: EngineUnderTest) -> None:
    timer = workflow.event_listener.TimerListener
    before = time.time()
    both = [workflow.wait_for_event(timer, at) for at in (before + 0.2, before - 60)]
    assert workflow.run(make.bind(both)) == [None, None]
    assert time.time() >= before + 0.2


def test_the_modules_of_old_programs_can_be_imported_from() -> None:
    for name, kinds in (("event_listener", "EventListener TimerListener"), ("exceptions", "WorkflowError")):
        module = importlib.import_module(f"heliograph.workflow.{name}")
        assert module is getattr(workflow, name)
        assert set(kinds.split()) <= set(dir(module))
