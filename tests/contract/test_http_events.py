"""HTTP events: ``POST /event/send_event/{workflow_id}``: 200 only after the event is checkpointed, 404 nobody
waits for it, 500 it could not be stored.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests import scripts
from tests.conditions import DEADLINE, is_gone, until
from tests.gates import Gate, Ledger
from tests.web.sending import Server, rows, serving, until_listening, until_state

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest

OR_KEPT = "; sent with keep=True, it is kept for whoever will"


@workflow.task
async def receive(key: str | None, gate: Gate | None = None, ledger: Ledger | None = None) -> Any:
    event = await workflow.HTTPListener().poll_for_event(key)
    if ledger is not None:
        ledger.note(f"received {event[1]}")
    if gate is not None:
        gate.wait("received")
    return event


@workflow.task
async def acknowledge(event: Any, gate: Gate | None = None, ledger: Ledger | None = None) -> Any:
    if gate is not None:
        gate.wait("stored")
    if ledger is not None:
        ledger.note(f"acknowledged {event[1]}")
    await workflow.HTTPListener().event_checkpointed(event)
    return event


def waits(key: str, gate: Gate | None = None, *, ledger: Ledger | None = None, name: str = "wait") -> Any:
    """As `workflow.wait_for_event`: one task takes the event, another one tells that it is stored."""
    taken = receive.options(name=name, max_retries=0).bind(key, gate, ledger)
    return acknowledge.bind(taken, None, ledger)


@workflow.task
def together(*values: Any) -> list[Any]:
    return list(values)


@pytest.fixture
def server(engine: EngineUnderTest) -> Iterator[Server]:
    with serving(engine.storage) as server:
        yield server


@pytest.fixture
def isolated_server(isolating_engine: EngineUnderTest) -> Iterator[Server]:
    with serving(isolating_engine.storage) as server:
        yield server


OK = (200, {"status": "checkpointed"})
KEPT = (200, {"status": "kept"})


def test_200_only_after_the_event_is_checkpointed(
    engine: EngineUnderTest, server: Server, gate: Gate
) -> None:
    output = workflow.run_async(waits("approval", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "approval")
    answer = server.sending("mine", "approval", {"by": "Ada"})
    gate.until_waiting("received")
    (event,) = rows(engine.storage, "http_events")
    assert event["state"] == "TAKEN"
    assert not answer.done()
    gate.open()
    assert answer.result(DEADLINE) == OK
    assert workflow.get_output("mine", task_id="wait") == ("approval", {"by": "Ada"})
    assert engine.value(output) == ("approval", {"by": "Ada"})


def test_200_comes_when_the_listener_is_told_and_not_before(
    engine: EngineUnderTest, server: Server, gate: Gate
) -> None:
    workflow.run_async(acknowledge.bind(receive.bind("k"), gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    answer = server.sending("mine", "k", 1)
    gate.until_waiting("stored")
    assert not answer.done()
    gate.open()
    assert answer.result(DEADLINE) == OK


PAYLOADS: list[Any] = [
    None,
    0,
    1.5,
    "",
    "\x00, half \ud800, 🌞",
    [],
    {"a": [{"b": None}]},
    10**40,
    "x" * 500_000,
]


def test_any_json_is_a_payload(engine: EngineUnderTest, server: Server) -> None:
    for number, payload in enumerate(PAYLOADS):
        output = workflow.run_async(waits("k"), workflow_id=f"w{number}")
        until_listening(engine.storage, f"w{number}", "k")
        assert server.send(f"w{number}", "k", payload) == OK
        assert engine.value(output) == ("k", payload)


def test_404_nobody_waits_for_it(engine: EngineUnderTest, server: Server) -> None:
    def refusal(workflow_id: str, key: str) -> str:
        code, answer = server.send(workflow_id, key, 1)
        assert code == answer["error"]["code"] == 404
        return str(answer["error"]["message"])

    assert refusal("mine", "k") == "No such workflow_id 'mine'"
    output = workflow.run_async(waits("k"), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    assert refusal("mine", "other") == "no task of workflow 'mine' waits for event_key 'other' now" + OR_KEPT
    assert server.send("mine", "k", 1) == OK
    engine.value(output)
    assert refusal("mine", "k") == "workflow 'mine' is SUCCESSFUL: nobody waits for event_key 'k'"
    assert [row["state"] for row in rows(engine.storage, "http_events")] == ["CHECKPOINTED"]


def test_404_a_second_event_for_one_wait(engine: EngineUnderTest, server: Server, gate: Gate) -> None:
    output = workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    first = server.sending("mine", "k", "first")
    gate.until_waiting("received")
    code, answer = server.send("mine", "k", "second")
    assert (code, answer["error"]["message"]) == (
        404,
        "workflow 'mine' was sent an event with event_key 'k' before, which is not checkpointed yet; "
        "nobody waits for another one" + OR_KEPT,
    )
    gate.open()
    assert first.result(DEADLINE) == OK
    assert engine.value(output) == ("k", "first")


def test_500_it_could_not_be_stored(tmp_path: Path) -> None:
    (tmp_path / "heliograph.db").touch()  # an empty file is a new storage, until it is something else
    with serving(tmp_path) as server:
        assert server.send("mine", "k", 1)[0] == 404
    with serving(tmp_path / "later") as server:
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "heliograph.db").write_bytes(b"no database at all" * 100)
        code, answer = server.send("mine", "k", 1)
        assert code == 500
        assert "file is not a database" in answer["error"]["message"]


def test_one_wait_takes_one_event_in_the_order_they_were_sent(
    engine: EngineUnderTest, server: Server
) -> None:
    second = waits("k", name="second")
    first = waits("k", name="first")
    output = workflow.run_async(together.bind(first, second), workflow_id="mine")
    until_listening(engine.storage, "mine", "k", 2)
    answers = [server.sending("mine", "k", number) for number in (1, 2)]
    assert [answer.result(DEADLINE) for answer in answers] == [OK, OK]
    assert sorted(engine.value(output)) == [("k", 1), ("k", 2)]


def test_two_workflows_have_the_same_key(engine: EngineUnderTest, server: Server) -> None:
    outputs = {name: workflow.run_async(waits("k"), workflow_id=name) for name in ("mine", "other")}
    for name in outputs:
        until_listening(engine.storage, name, "k")
    assert server.send("other", "k", "for other") == OK
    assert engine.value(outputs["other"]) == ("k", "for other")
    assert workflow.get_status("mine") == "RUNNING"
    assert server.send("mine", "k", "for mine") == OK
    assert engine.value(outputs["mine"]) == ("k", "for mine")


def test_without_a_key_the_tasks_name_is_the_key(engine: EngineUnderTest, server: Server) -> None:
    node = acknowledge.bind(receive.options(name="approval").bind(None))
    output = workflow.run_async(node, workflow_id="mine")
    until_listening(engine.storage, "mine", "approval")
    assert server.send("mine", "approval", True) == OK
    assert engine.value(output) == ("approval", True)


def test_kept_events_wait_for_who_will_wait_for_them(
    engine: EngineUnderTest, server: Server, gate: Gate
) -> None:
    @workflow.task
    def late() -> None:
        gate.wait("late")

    @workflow.task
    def series(_late: None) -> Any:
        return together.bind(one := waits("k", name="one"), after.bind(one))

    @workflow.task
    def after(_one: Any) -> Any:
        return waits("k", name="two")

    output = workflow.run_async(series.bind(late.bind()), workflow_id="mine")
    gate.until_waiting("late")
    assert server.send("mine", "k", 1)[0] == 404
    assert server.send("mine", "k", 1, query="?keep=true") == KEPT
    assert server.send("mine", "k", 2, query="?keep=true") == KEPT
    gate.open()
    assert engine.value(output) == [("k", 1), ("k", 2)]


def test_to_keep_an_event_that_is_waited_for_changes_nothing(engine: EngineUnderTest, server: Server) -> None:
    output = workflow.run_async(waits("k"), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    assert server.send("mine", "k", 1, query="?keep=true") == OK
    engine.value(output)
    assert server.send("mine", "k", 2, query="?keep=true")[0] == 404  # nobody will ever wait for it
    assert server.send("none", "k", 2, query="?keep=true")[0] == 404


def test_an_event_sent_again_with_its_idempotency_key_is_the_same_event(
    engine: EngineUnderTest, server: Server, gate: Gate
) -> None:
    output = workflow.run_async(waits("k", gate), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    named = {"Idempotency-Key": "number 7"}
    with server.connected() as connection:  # one that asks, and hangs up before it is answered
        connection.sendall(
            b"POST /event/send_event/mine HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: number 7\r\n"
            b'Content-Length: 36\r\n\r\n{"event_key":"k","event_payload": 7}'
        )
        gate.until_waiting("received")
    again = server.sending("mine", "k", 7, headers=named)
    assert server.send("mine", "k", 8, headers=named)[0] == 422
    gate.open()
    assert again.result(DEADLINE) == OK
    assert engine.value(output) == ("k", 7)
    assert server.send("mine", "k", 7, headers=named) == OK
    assert len(rows(engine.storage, "http_events")) == 1


def test_a_cancelled_workflow_leaves_nobody_waiting(
    isolating_engine: EngineUnderTest, isolated_server: Server, gate: Gate, ledger: Ledger
) -> None:
    storage, server = isolating_engine.storage, isolated_server
    workflow.run_async(waits("k", gate, ledger=ledger), workflow_id="mine")
    until_listening(storage, "mine", "k")
    answer = server.sending("mine", "k", "first")
    gate.until_waiting("received")
    workflow.cancel("mine")
    code, said = answer.result(DEADLINE)
    assert (code, said["error"]["message"]) == (
        404,
        "workflow 'mine' is CANCELED: it ended before it took the event",
    )
    assert rows(storage, "http_events") == []
    assert server.send("mine", "k", "second")[0] == 404
    gate.open()
    resumed = workflow.resume_async("mine")
    until_listening(storage, "mine", "k")
    assert server.send("mine", "k", "third") == OK
    assert isolating_engine.value(resumed) == ("k", "third")
    assert ledger.lines() == ["received first", "received third", "acknowledged third"]


def test_a_waiting_workflow_that_is_cancelled_and_deleted_leaves_nothing(
    isolating_engine: EngineUnderTest, isolated_server: Server
) -> None:
    workflow.run_async(waits("k"), workflow_id="mine")
    until_listening(isolating_engine.storage, "mine", "k")
    workflow.cancel("mine")
    assert isolated_server.send("mine", "k", 1)[0] == 404
    assert isolated_server.send("mine", "k", 1, query="?keep=true") == KEPT
    workflow.delete("mine")
    assert rows(isolating_engine.storage, "http_listeners") == []
    assert rows(isolating_engine.storage, "http_events") == []
    assert isolated_server.send("mine", "k", 1)[0] == 404


def test_it_listens_in_a_task_only() -> None:
    with pytest.raises(RuntimeError, match="no task runs this code"):
        asyncio.run(workflow.HTTPListener().poll_for_event("k"))


def test_a_key_that_cannot_be_one(engine: EngineUnderTest) -> None:
    with pytest.raises(workflow.WorkflowExecutionError, match="event_key must be a str, not int"):
        workflow.run(receive.bind(7))


# -- killed processes

PROGRAM = """
import sys
from pathlib import Path
from tests.contract.test_http_events import acknowledge, receive
from tests.gates import Gate, Ledger
gates = {name: Gate(Path(sys.argv[2])) if name == sys.argv[1] else None for name in ("received", "stored")}
ledger = Ledger(Path(sys.argv[3]))
taken = receive.options(name="wait", max_retries=0).bind("k", gates["received"], ledger)
workflow.run_async(acknowledge.bind(taken, gates["stored"], ledger), workflow_id="mine")
workflow.get_output("mine")
"""


@pytest.mark.parametrize(
    ("moment", "lines"),
    [
        ("received", ["received 1", "received 1", "acknowledged 1"]),
        ("stored", ["received 1", "acknowledged 1"]),
    ],
)
def test_an_event_outlives_the_process_that_took_it(
    engine: EngineUnderTest, server: Server, gate: Gate, ledger: Ledger, moment: str, lines: list[str]
) -> None:
    program = scripts.start(engine.script(PROGRAM), engine.storage, moment, gate.folder, ledger.path)
    with program:
        until_listening(engine.storage, "mine", "k")
        answer = server.sending("mine", "k", 1)
        worker = gate.until_waiting(moment)
        engine.kill(program)
        until(lambda: workflow.get_status("mine") == "RESUMABLE")
        program.communicate()
        until(lambda: is_gone(worker))  # or it would pass the gate too
    code, refused = server.send("mine", "k", 2)
    assert (code, refused["error"]["message"]) == (
        404,
        "workflow 'mine' is RESUMABLE: nobody waits for event_key 'k'" + OR_KEPT,
    )
    assert not answer.done()
    gate.open()
    assert workflow.resume("mine") == ("k", 1)
    assert answer.result(DEADLINE) == OK
    assert ledger.lines() == lines


def test_an_event_outlives_its_sender_and_the_server(
    engine: EngineUnderTest, gate: Gate, ledger: Ledger
) -> None:
    program = scripts.start(engine.script(PROGRAM), engine.storage, "received", gate.folder, ledger.path)
    with program, serving(engine.storage) as server:
        until_listening(engine.storage, "mine", "k")
        lost = server.sending("mine", "k", 1)
        gate.until_waiting("received")
        server.process.kill()
        with pytest.raises(ConnectionError):
            lost.result(DEADLINE)
        engine.kill(program)
        program.communicate()
    gate.open()
    assert workflow.resume("mine") == ("k", 1)
    until_state(engine.storage, "CHECKPOINTED")


def test_an_event_outlives_the_worker_that_took_it(
    isolating_engine: EngineUnderTest, isolated_server: Server, gate: Gate, ledger: Ledger
) -> None:
    node = acknowledge.bind(receive.bind("k", gate, ledger))
    output = workflow.run_async(node, workflow_id="mine")
    until_listening(isolating_engine.storage, "mine", "k")
    answer = isolated_server.sending("mine", "k", 1)
    worker = gate.until_waiting("received")
    gate.open()  # before the kill: the second attempt is not to wait; the first one may pass, too
    os.kill(worker, signal.SIGKILL)
    assert isolating_engine.value(output) == ("k", 1)
    assert answer.result(DEADLINE) == OK
    assert set(ledger.lines()) == {"received 1"}


# -- with wait_for_event


def test_wait_for_event_with_an_http_listener(engine: EngineUnderTest, server: Server) -> None:
    first = workflow.wait_for_event(workflow.HTTPListener, "one")
    second = workflow.wait_for_event(workflow.HTTPListener, event_key="two")
    output = workflow.run_async(together.bind(first, second), workflow_id="mine")
    for key in ("two", "one"):
        until_listening(engine.storage, "mine", key)
        assert server.send("mine", key, {"payload": key}) == OK
    assert engine.value(output) == [("one", {"payload": "one"}), ("two", {"payload": "two"})]


def test_cancelling_ends_the_wait_in_the_worker(engine: EngineUnderTest, server: Server) -> None:
    workflow.run_async(workflow.wait_for_event(workflow.HTTPListener, "k"), workflow_id="mine")
    until_listening(engine.storage, "mine", "k")
    workflow.cancel("mine")
    until_listening(engine.storage, "mine", "k", 0)
    resumed = workflow.resume_async("mine")
    until_listening(engine.storage, "mine", "k")
    assert server.send("mine", "k", 1) == OK
    assert engine.value(resumed) == ("k", 1)


def test_many_wait_at_once_and_each_gets_its_own(engine: EngineUnderTest, server: Server) -> None:
    many = 300
    nodes = [workflow.wait_for_event(workflow.HTTPListener, f"k{number}") for number in range(many)]
    output = workflow.run_async(together.bind(*nodes), workflow_id="mine")
    until(lambda: len(rows(engine.storage, "http_listeners")) == many)
    answers = [server.sending("mine", f"k{number}", number) for number in range(many)]
    assert [answer.result(DEADLINE) for answer in answers] == [OK] * many
    assert engine.value(output) == [(f"k{number}", number) for number in range(many)]


def test_a_wait_that_timed_out_is_over_and_another_one_gets_the_event(
    engine: EngineUnderTest, server: Server
) -> None:
    @workflow.task
    def again(first: Any) -> Any:
        _, error = first
        assert isinstance(error, workflow.TaskTimeoutError)
        return workflow.wait_for_event(workflow.HTTPListener, "k")

    short = receive.options(name="short", timeout=0.2, catch_exceptions=True).bind("k")
    output = workflow.run_async(again.bind(short), workflow_id="mine")
    until(
        lambda: [row["task_id"] for row in rows(engine.storage, "http_listeners")] not in ([], ["short"]),
        what="the second wait",
    )
    until_listening(engine.storage, "mine", "k")  # the first one is not there any more
    assert server.send("mine", "k", "late") == OK
    assert engine.value(output) == ("k", "late")
