"""However wide a DAG is, its executor has a bounded number of attempts; the others lose nothing by it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.engines.attempts.attempt import Functions, run_attempt
from heliograph.engines.attempts.executor import AttemptKey, Deliver, Running, Work
from heliograph.engines.engine import submission
from heliograph.engines.loop.loop import Loop
from heliograph.engines.outcome import OutputFuture
from heliograph.errors import WorkflowCancellationError, WorkflowExecutionError
from heliograph.graph.node import Inputs, Node
from heliograph.graph.plan import make_plan
from heliograph.records.attempt import Worker
from heliograph.scheduling.admission import Admission
from heliograph.storage.liveness import this_process
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import DEADLINE, until
from tests.engines.harness import unheard


class ByHand:
    """Runs an attempt when it is told to."""

    most = 3

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self.works: list[Work] = []
        self.cancelled: list[AttemptKey] = []

    def submit(self, work: Work) -> None:
        self.works.append(work)

    def cancel(self, *keys: AttemptKey) -> None:
        self.cancelled += keys

    def running(self, of: Collection[AttemptKey]) -> list[Running]:
        return []

    def close(self) -> None:
        pass

    def run(self, place: int = 0) -> None:
        work = self.works.pop(place)
        worker = Worker("here", 1, "by-hand")
        self.deliver(run_attempt(work, worker, time.time(), "shared", Functions(), unheard))


class Flows:
    """A loop on a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(locate(folder))
        self.executors: list[ByHand] = []
        self.loop = Loop(
            self.store,
            lambda: this_process("embedded", self.store.lease_clock()),
            self._executor,
            Admission(None, None),
        )

    def _executor(self, deliver: Deliver) -> ByHand:
        self.executors.append(ByHand(deliver))
        return self.executors[-1]

    @property
    def executor(self) -> ByHand:
        return self.executors[-1]

    def begin(self, dag: Node, workflow_id: str) -> OutputFuture:
        return self.loop.enter(submission(make_plan(dag, Inputs()), workflow_id, "{}", self.store))

    def has(self, *task_ids: str) -> bool:
        return [work.task_id for work in self.executor.works] == list(task_ids)


@pytest.fixture
def flows(tmp_path: Path) -> Iterator[Flows]:
    made = Flows(tmp_path / "storage.db")
    yield made
    made.loop.close()
    made.store.close()


@workflow.task
def number(value: int) -> int:
    return value


@workflow.task
def total(*values: int) -> int:
    return sum(values)


@workflow.task
async def awaited(value: int) -> int:
    return value


@workflow.task(max_retries=0)
def fail() -> None:
    raise OSError("on purpose")


@workflow.task(max_retries=1, retry_exceptions=True, retry_delay=0.01)
def fail_and_wait() -> None:
    raise OSError("on purpose")


def named(*names: str) -> list[Node]:
    return [number.options(name=name).bind(1) for name in names]


def test_the_executor_has_no_more_than_it_asks_for_and_all_come_in_order(flows: Flows) -> None:
    output = flows.begin(total.options(name="total").bind(*named("a", "b", "c", "d", "e")), "wide")
    until(lambda: flows.has("a", "b", "c"), what="the first attempts")
    flows.executor.run(1)
    until(lambda: flows.has("a", "c", "d"), what="the fourth in place of the second")
    second = flows.begin(number.options(name="later").bind(2), "second")
    for _ in range(5):
        flows.executor.run()
        until(lambda: flows.executor.works, what="another attempt")
    assert second.result(DEADLINE) == 2
    until(lambda: flows.has("total"), what="the last attempt")
    flows.executor.run()
    assert output.result(DEADLINE) == 5


def test_an_async_task_takes_no_room(flows: Flows) -> None:
    waits = [awaited.options(name=name).bind(1) for name in "wxyz"]
    flows.begin(total.bind(*named("a", "b", "c", "d"), *waits), "wide")
    until(lambda: flows.has("a", "b", "c", "w", "x", "y", "z"), what="all but one")


def test_a_retry_that_is_due_does_not_wait_for_room(flows: Flows) -> None:
    first = fail_and_wait.options(name="flaky").bind()
    flows.begin(total.bind(first, *named("a", "b", "c", "d")), "wide")
    until(lambda: flows.has("flaky", "a", "b"), what="the first attempts")
    flows.executor.run()
    until(lambda: flows.has("a", "b", "c", "flaky"), what="the retry beside the others")
    assert flows.executor.works[-1].goes_first


def attempts(flows: Flows) -> list[tuple[int, str, bool, bool]]:
    assert flows.store.location.path is not None
    with sqlite3.connect(flows.store.location.path) as raw:
        rows = raw.execute("SELECT task, status, ready, submitted FROM attempts ORDER BY task").fetchall()
    raw.close()
    return [
        (task, status, ready is not None, submitted is not None) for task, status, ready, submitted in rows
    ]


def test_a_failure_ends_what_waits_and_its_record_says_since_when_it_did(flows: Flows) -> None:
    first = fail.options(name="bad").bind()
    output = flows.begin(total.bind(first, *named("a", "b", "c", "d")), "wide")
    until(lambda: flows.has("bad", "a", "b"), what="the first attempts")
    flows.executor.run()
    with pytest.raises(WorkflowExecutionError):
        output.result(DEADLINE)
    assert attempts(flows) == [
        (0, "FAILED", True, True),
        *[(task, "CANCELED", True, False) for task in (1, 2, 3, 4)],
    ]
    assert sorted(key.task for key in flows.executor.cancelled) == [1, 2]  # and none that it never had


def test_a_cancelled_workflow_makes_room_for_the_next(flows: Flows) -> None:
    output = flows.begin(total.bind(*named("a", "b", "c", "d", "e")), "wide")
    until(lambda: flows.has("a", "b", "c"), what="the first attempts")
    second = flows.begin(number.options(name="later").bind(2), "second")
    record = flows.store.queries.workflow("wide")
    assert record is not None
    flows.store.cancel(record.key)
    flows.loop.note_cancelled(record.key)
    with pytest.raises(WorkflowCancellationError):
        output.result(DEADLINE)
    until(lambda: flows.has("a", "b", "c", "later"), what="the other workflow's turn")
    flows.executor.run(3)
    assert second.result(DEADLINE) == 2
