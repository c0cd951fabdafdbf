"""Workflows on their way in: stored by who brings them, where nobody else is the loop just now."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.engines.engine import Engine
from heliograph.engines.loop.messages import Hurry, Lost, Message
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.settings import EngineSettings
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.graph.waits import sleep_node
from heliograph.records.context import Current, running
from heliograph.storage.journal.journal import Batch, Committed, Journal
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import until

DEADLINE = 30.0
OTHERS = 20


@workflow.task
def increment(number: int) -> int:
    return number + 1


class LargeNumber(int):
    """A number that is kept in a file of its own."""

    def __new__(cls, number: int) -> LargeNumber:
        made = super().__new__(cls, number)
        made.ballast = os.urandom(200_000)
        return made

    ballast: bytes


class Commits:
    """What is done around each commit that brings a workflow in: by whom, and with how many others."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.sizes: list[int] = []
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None

    def around(self, commit: Callable[[Journal, Batch], Committed]) -> Callable[[Journal, Batch], Committed]:
        def watched(journal: Journal, batch: Batch) -> Committed:
            if not batch.entries:
                return commit(journal, batch)
            self.threads.append(threading.get_ident())
            self.sizes.append(len(batch.entries))
            self.before()
            committed = commit(journal, batch)
            self.after()
            return committed

        return watched


class Flows:
    """An engine with worker threads."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(locate(folder))
        self.engine = Engine(self.store, EngineSettings("threads", 2))

    def begin(self, number: int) -> OutputFuture:
        return self.engine.submit(make_plan(increment.bind(number), Inputs()), f"flow-{number}", "{}")


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    made = Commits()
    monkeypatch.setattr(Journal, "commit", made.around(Journal.commit))
    return made


@pytest.fixture
def flows(tmp_path: Path, commits: Commits) -> Iterator[Flows]:
    made = Flows(tmp_path)
    yield made
    commits.before = commits.after = lambda: None
    made.engine.close()
    made.store.close()


def test_who_brings_one_alone_stores_it(flows: Flows, commits: Commits) -> None:
    assert flows.begin(1).result(DEADLINE) == 2
    assert commits.threads == [threading.get_ident()]


def test_those_who_come_meanwhile_share_a_commit(flows: Flows, commits: Commits) -> None:
    loop = flows.engine._loop

    def all_came() -> bool:
        return loop._has_message and loop._inbox.qsize() == OTHERS - 1  # its thread holds one of them

    commits.before = lambda: len(commits.sizes) > 1 or until(all_came, what="the others to come")
    with ThreadPoolExecutor(OTHERS + 1) as pool:
        first = pool.submit(flows.begin, 0)
        until(lambda: commits.sizes, what="the first commit")
        others = [pool.submit(flows.begin, number) for number in range(1, OTHERS + 1)]
        futures = [brought.result(DEADLINE) for brought in (first, *others)]
    assert [future.result(DEADLINE) for future in futures] == list(range(1, OTHERS + 2))
    assert commits.sizes == [1, OTHERS]


class LateInbox:
    """As the inbox, but its reader is held up behind each `Lost` that it takes."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.put, self.empty = self._messages.put, self._messages.empty
        self.get_nowait, self.qsize = self._messages.get_nowait, self._messages.qsize
        self.is_held, self.may_go_on = threading.Event(), threading.Event()

    def get(self, timeout: float) -> Message:
        message = self._messages.get(timeout=timeout)
        if isinstance(message, Lost):
            self.is_held.set()
            self.may_go_on.wait(DEADLINE)
        return message


def test_one_that_was_cancelled_has_no_place_though_the_loop_has_not_seen_that(tmp_path: Path) -> None:
    store = Store(locate(tmp_path))
    engine = Engine(store, EngineSettings("threads", 2, max_running=1, max_pending=0))
    inbox = LateInbox()
    before, engine._loop._inbox = engine._loop._inbox, inbox  # type: ignore[assignment]
    before.put(Hurry())
    try:
        engine.submit(make_plan(sleep_node(600), Inputs()), "sleeps", "{}")
        standing = store.standing("sleeps")
        assert standing is not None
        assert store.cancel(standing.key)
        engine.note_cancelled(standing)
        assert inbox.is_held.wait(DEADLINE)
        assert engine.submit(make_plan(increment.bind(1), Inputs()), "next", "{}").result(DEADLINE) == 2
    finally:
        inbox.may_go_on.set()
        engine.close()
        store.close()


def test_one_that_is_being_stored_while_the_engine_closes_is_stored(flows: Flows, commits: Commits) -> None:
    closing = threading.Thread(target=flows.engine.close)

    def close() -> None:
        closing.start()
        until(lambda: flows.engine.is_closed, what="the engine to close")

    commits.before = close
    future = flows.begin(1)
    closing.join(DEADLINE)
    record = flows.store.queries.workflow("flow-1")
    assert record is not None
    future.exception(DEADLINE)  # whichever it is: it came to its end, or it was left off
    with pytest.raises(RuntimeError, match="closed"):
        flows.begin(2)
    assert flows.store.queries.workflow("flow-2") is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_our_own_is_told_and_ends_the_engine(flows: Flows, commits: Commits) -> None:
    other = flows.begin(0)
    assert other.result(DEADLINE) == 1

    def fail() -> None:
        raise ZeroDivisionError("a fault")

    commits.after = fail
    with pytest.raises(ZeroDivisionError):
        flows.begin(1)
    until(lambda: flows.engine.is_closed, what="the engine to end")


def test_ctrl_c_waits_until_it_is_stored(flows: Flows, commits: Commits) -> None:
    before = signal.getsignal(signal.SIGINT)
    commits.before = lambda: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        flows.begin(1)
    assert signal.getsignal(signal.SIGINT) is before
    commits.before = lambda: None
    assert commits.threads == [threading.get_ident()]
    until(lambda: status_of(flows, "flow-1") == "SUCCESSFUL", what="the workflow to go on")
    assert flows.begin(2).result(DEADLINE) == 3


def test_callbacks_may_bring_workflows(flows: Flows) -> None:
    outputs: list[Any] = []
    for number in range(20):
        flows.begin(number).add_done_callback(
            lambda done: outputs.append(flows.begin(100 + done.result()).result(DEADLINE))
        )
    until(lambda: len(outputs) == 20, what="all callbacks")
    assert sorted(outputs) == [number + 102 for number in range(20)]


def status_of(flows: Flows, workflow_id: str) -> str | None:
    record = flows.store.queries.workflow(workflow_id)
    return None if record is None else record.status.value


def test_an_id_that_somebody_deletes_just_now_begins_anew(flows: Flows, commits: Commits) -> None:
    assert flows.begin(1).result(DEADLINE) == 2
    refused: list[int] = []

    def delete() -> None:
        refused.append(len(commits.sizes))
        if len(refused) == 1:  # the id is taken, and what has it is to be claimed next
            found = flows.store.standing("flow-1")
            assert found is not None
            flows.store.forget(found)

    commits.after = delete
    large = increment.bind(LargeNumber(6))
    assert flows.engine.submit(make_plan(large, Inputs()), "flow-1", "{}").result(DEADLINE) == 7
    assert len(refused) == 3, "refused, not found, and stored"


def test_a_retry_is_given_the_output_of_a_workflow_that_ends_while_it_is_refused(
    flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter, refused = flows.engine._loop.enter, iter([RuntimeError("workflow 'flow-1' is RUNNING already")])

    def refuse_once(wanted: Any, *, is_patient: bool = False) -> OutputFuture:
        for error in refused:
            raise error
        return enter(wanted, is_patient=is_patient)

    here = running.set(Current("outer", "task", attempt=2, run=1, is_resume=False))
    try:
        assert flows.begin(1).result(DEADLINE) == 2
        monkeypatch.setattr(flows.engine._loop, "enter", refuse_once)
        assert flows.begin(1).result(DEADLINE) == 2
    finally:
        running.reset(here)
