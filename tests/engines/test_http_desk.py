"""Listeners that wait together: what they cost, and what happens when they give up or the storage does."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.engines.event_sender import EventSender
from heliograph.engines.http_desk import Desk, desk
from heliograph.records.event import EventState, EventWait, Handed, SendOrder
from heliograph.storage.location import Location, locate
from heliograph.storage.requests.mailbox import Mailbox
from heliograph.storage.store import Store
from tests.conditions import DEADLINE, until
from tests.gates import Gate
from tests.web.sending import rows


@workflow.task
def hold(gate: Gate) -> None:
    gate.wait()


@pytest.fixture
def location(tmp_path: Path) -> Iterator[Location]:
    """A storage with the workflow "mine", whose tasks "hold" and "other" are not over."""
    gate = Gate(tmp_path / "gate")
    workflow.init(storage=tmp_path, workers="threads")
    first = hold.options(name="hold").bind(gate)
    output = workflow.run_async(first, workflow_id="mine")
    gate.until_waiting()
    yield locate(tmp_path)
    gate.open()
    output.result()
    workflow.shutdown()


def waiting(
    key: str = "k", task_id: str = "hold", run: int = 1, attempt: int = 1, workflow: int = 1
) -> EventWait:
    return EventWait("mine", key, task_id, run, attempt, workflow)


def told(location: Location, what: Callable[[Mailbox], Any]) -> Any:
    """As another process would."""
    store = Store(location)
    try:
        return what(store.mailbox)
    finally:
        store.close()


def keep(location: Location, key: str, payload: str) -> None:
    sent = told(location, lambda mailbox: mailbox.send(SendOrder("mine", key, payload, keep=True)))
    assert sent.event is not None


async def registered(location: Location, count: int) -> None:
    while len(rows(_folder(location), "http_listeners")) != count:
        await asyncio.sleep(0.001)


def _folder(location: Location) -> Path:
    assert location.path is not None
    return location.path.parent


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the mailboxes of this process were asked, and for how many."""
    counted: Counter[str] = Counter()
    listen, sent = Mailbox.listen, Mailbox.sent

    def counting_listen(self: Mailbox, given: Any) -> Any:
        given = list(given)
        counted["transactions"] += 1
        counted["looks"] += len(given)
        return listen(self, given)

    def counting_sent(self: Mailbox) -> Any:
        counted["queries"] += 1
        return sent(self)

    monkeypatch.setattr(Mailbox, "listen", counting_listen)
    monkeypatch.setattr(Mailbox, "sent", counting_sent)
    return counted


def test_thousands_wait_with_one_query_when_something_was_stored(
    location: Location, calls: Counter[str]
) -> None:
    many = 3000

    async def main() -> Handed:
        together = Desk(location)
        waiters = [
            asyncio.create_task(together.wait(waiting(f"key {number}", f"task {number}")))
            for number in range(many)
        ]
        last = asyncio.create_task(together.wait(waiting()))
        await registered(location, many + 1)
        before = calls.copy()
        assert before["looks"] == many + 1
        assert before["transactions"] <= 10
        # Nobody but the one it is for is looked at again, and nobody at all for what is not an event.
        workflow.run(hold.options(name="other").bind(_open_gate(location)), workflow_id="other")
        told(location, lambda mailbox: mailbox.send(SendOrder("mine", "k", "7")))
        handed = await last
        assert calls["looks"] - before["looks"] == 1
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        await registered(location, 0)
        return handed

    assert asyncio.run(main()).payload == "7"


def _open_gate(location: Location) -> Gate:
    gate = Gate(_folder(location) / "open gate")
    gate.open()
    return gate


def test_who_gives_up_leaves_the_event_to_others(location: Location) -> None:
    async def main() -> None:
        together = Desk(location)
        keep(location, "k", '"x"')
        first = asyncio.create_task(together.wait(waiting(task_id="first")))
        while not first.done():
            await asyncio.sleep(0)
            if [row["state"] for row in rows(_folder(location), "http_events")] == ["TAKEN"]:
                first.cancel()  # handed out by now, and perhaps not returned
        second = await together.wait(waiting(task_id="first", attempt=2))
        assert second.payload == '"x"'

    asyncio.run(main())


def test_it_is_released_only_by_the_attempt_that_has_it(location: Location) -> None:
    keep(location, "k", "1")

    def story(mailbox: Mailbox) -> None:
        first, second, other = waiting(), waiting(attempt=2), waiting(task_id="other")
        handed = mailbox.listen([first])[first]
        assert handed is not None
        assert mailbox.listen([other]) == {other: None}
        assert mailbox.listen([second]) == {second: handed}  # the same one again
        mailbox.leave([(first, handed)])
        assert mailbox.listen([other]) == {other: None}
        mailbox.leave([(second, handed)])
        assert mailbox.sent() == {("mine", "k")}
        assert mailbox.listen([other]) == {other: handed}
        mailbox.note_checkpointed([("mine", "k")])  # of a task whose output is not stored: that can't be
        assert mailbox.settle(handed.event).state is EventState.TAKEN

    told(location, story)
    [row] = rows(_folder(location), "http_events")
    assert (row["state"], row["task_id"]) == ("TAKEN", "other")


def test_of_two_events_for_one_wait_the_second_is_refused_before_the_first_is_taken(
    location: Location,
) -> None:
    def story(mailbox: Mailbox) -> None:
        assert mailbox.listen([waiting()]) == {waiting(): None}
        assert mailbox.send(SendOrder("mine", "k", "1")).state is EventState.SENT
        second = mailbox.send(SendOrder("mine", "k", "2"))
        assert second.event is None
        assert "was sent an event with event_key 'k' before" in (second.refusal or "")

    told(location, story)


def test_a_superseded_attempt_and_a_lost_run_wait_for_nothing(location: Location) -> None:
    def story(mailbox: Mailbox) -> None:
        later = waiting(attempt=2)
        assert mailbox.listen([later]) == {later: None}
        assert mailbox.listen([waiting(), waiting(run=2), waiting(workflow=2)]) == {}

    told(location, story)

    async def main() -> None:
        await Desk(location).wait(waiting())

    with pytest.raises(
        workflow.WorkflowError, match="task 'hold' of workflow 'mine' waits for an event no more"
    ):
        asyncio.run(main())


def test_a_deleted_workflow_takes_no_event_of_one_that_has_its_id(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path, workers="threads")
    here = locate(tmp_path)
    gates = Gate(tmp_path / "first"), Gate(tmp_path / "second")
    outputs = []
    for gate in gates:
        outputs.append(workflow.run_async(hold.options(name="hold").bind(gate), workflow_id="mine"))
        gate.until_waiting()
        if gate is gates[0]:
            workflow.cancel("mine")
            workflow.delete("mine")
    deleted, there = waiting(workflow=1), waiting(workflow=2)

    def story(mailbox: Mailbox) -> None:
        assert mailbox.listen([there]) == {there: None}
        assert mailbox.send(SendOrder("mine", "k", "1")).state is EventState.SENT
        assert mailbox.listen([deleted]) == {}
        mailbox.leave([(deleted, None)])
        assert [row["workflow"] for row in rows(tmp_path, "http_listeners")] == [2]
        assert mailbox.listen([there]) == {there: Handed(1, "1")}

    told(here, story)
    for gate in gates:
        gate.open()
    outputs[1].result()
    workflow.shutdown()


def test_all_who_wait_are_told_that_the_storage_cannot_be_read(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Mailbox) -> None:
        raise workflow.StorageError("the disk is gone")

    async def main() -> list[Any]:
        together = Desk(location)
        waiters = [together.wait(waiting(task_id=f"task {number}")) for number in range(3)]
        told_so = asyncio.gather(*waiters, return_exceptions=True)
        await registered(location, 3)
        monkeypatch.setattr(Mailbox, "sent", broken)
        keep(location, "elsewhere", "1")  # a change: it has to look
        return list(await told_so)

    assert [str(error) for error in asyncio.run(main())] == ["the disk is gone"] * 3


def test_a_sender_is_told_that_the_storage_cannot_be_read(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Mailbox, _events: Any) -> None:
        raise workflow.StorageError("the disk is gone")

    told(location, lambda mailbox: mailbox.listen([waiting()]))
    monkeypatch.setattr(Mailbox, "look", broken)
    sender = EventSender(location)
    with pytest.raises(workflow.StorageError, match="the disk is gone"):
        sender.send(SendOrder("mine", "k", "1")).result(DEADLINE)
    sender.close()


def test_the_desk_is_that_of_the_loop_and_of_the_session(location: Location) -> None:
    async def main() -> Desk:
        assert desk() is desk()
        return desk()

    first, second = asyncio.run(main()), asyncio.run(main())
    assert first is not second
    assert first.location == location


def test_an_event_loop_is_not_kept_by_those_who_waited_at_its_desk(location: Location) -> None:
    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        waiter = asyncio.create_task(desk().wait(waiting()))
        while not desk()._news._waiters:  # type: ignore[attr-defined]  # there is nothing to be done
            await asyncio.sleep(0.001)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        await registered(location, 0)
        return weakref.ref(asyncio.get_running_loop())

    def is_gone() -> bool:
        gc.collect()
        return loop() is None

    loop = asyncio.run(main())
    until(is_gone, what="the loop to be forgotten")  # its store's thread may have a last word
