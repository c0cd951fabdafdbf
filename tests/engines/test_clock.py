"""Somebody sets the clock while workflows run: nothing freezes, and nobody sleeps longer for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.engines.engine import Engine
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.settings import EngineSettings
from heliograph.engines.waiting import found
from heliograph.graph.node import Inputs, Node
from heliograph.graph.plan import make_plan
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import until
from tests.gates import Gate

DEADLINE = 30.0
HOUR = 3600.0
SLEEP = "heliograph.graph.waits.sleep"


class Clock:
    """The time, and by how much somebody set it."""

    def __init__(self) -> None:
        self.set_by = 0.0

    def __call__(self) -> float:
        return time.time() + self.set_by


class Flows:
    """An engine whose clock can be set."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = Store(locate(folder), clock=self.clock)
        self.engine = Engine(self.store, EngineSettings("threads", 2))

    def start(self, dag: Node, workflow_id: str) -> OutputFuture:
        return self.engine.submit(make_plan(dag, Inputs()), workflow_id, "{}")

    def task_status(self, workflow_id: str, task_id: str) -> TaskStatus:
        task = self.store.queries.task(found(self.store, workflow_id), task_id)
        assert task is not None
        return task.status


@pytest.fixture
def flows(tmp_path: Path) -> Iterator[Flows]:
    made = Flows(tmp_path)
    yield made
    made.engine.close()
    made.store.close()


@workflow.task
def hold(gate: Gate) -> str:
    gate.wait()
    return "held"


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_sleep_keeps_its_length(flows: Flows, jump: float) -> None:
    began = time.monotonic()
    output = flows.start(workflow.sleep(1.5), "sleeping")
    seen = (TaskStatus.WAITING, TaskStatus.SUCCESSFUL)  # a machine that is busy may look too late
    until(lambda: flows.task_status("sleeping", SLEEP) in seen)
    flows.clock.set_by = jump
    output.result(timeout=DEADLINE)
    assert time.monotonic() - began >= 1.5


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_lease_goes_by_the_new_time(flows: Flows, gate: Gate, jump: float) -> None:
    output = flows.start(hold.bind(gate), "held")
    gate.until_waiting()
    flows.clock.set_by = jump

    def lease_left() -> float:
        owner = flows.store.queries.runs(found(flows.store, "held").key)[-1].owner
        assert owner is not None
        return owner.lease_until - flows.clock()

    until(lambda: 0 < lease_left() < 60)
    assert found(flows.store, "held").status is WorkflowStatus.RUNNING
    gate.open()
    assert output.result(timeout=DEADLINE) == "held"


def test_a_task_is_seen_running_and_its_timeout_rings(flows: Flows, gate: Gate) -> None:
    held = hold.options(timeout=1.0, max_retries=0, name="held")
    flows.clock.set_by = -HOUR  # workers read the machine's own clock: theirs is an hour ahead now
    output = flows.start(held.bind(gate), "late")
    seen = (TaskStatus.RUNNING, TaskStatus.FAILED)  # as above; no timeout rings of a task that is not seen
    until(lambda: flows.task_status("late", "held") in seen)
    with pytest.raises(workflow.WorkflowExecutionError, match="longer than its timeout"):
        output.result(timeout=DEADLINE)


def test_a_cancellation_by_another_process_is_seen(flows: Flows, gate: Gate, tmp_path: Path) -> None:
    output = flows.start(hold.bind(gate), "held")
    gate.until_waiting()
    flows.clock.set_by = -HOUR
    other = Store(locate(tmp_path), clock=flows.clock)
    other.cancel(found(other, "held").key)
    other.close()
    with pytest.raises(workflow.WorkflowCancellationError):
        output.result(timeout=DEADLINE)
