"""A store without an engine: what tests write to it as an engine would."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

from heliograph import workflow
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.attempt import Phases, StoredValue
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.workflow import Owner, WorkflowRecord
from heliograph.storage.entries import (
    Accepted,
    AttemptEntry,
    Claim,
    Ending,
    Provenance,
    Refused,
    RunChanges,
    Standing,
    Submission,
)
from heliograph.storage.journal.journal import Batch, Committed, Journal
from heliograph.storage.liveness import LEASE_SECONDS, this_process
from heliograph.storage.location import locate
from heliograph.storage.store import Store

NOBODY = Provenance("{}", None, "[]", "a host")


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


def chain() -> workflow.Node:
    """Two tasks."""
    return add.options(name="second").bind(add.options(name="first").bind(1, 2), 3)


def value(of: object) -> StoredValue:
    data = pickle.dumps(of)
    return StoredValue(len(data), hashlib.sha256(data).hexdigest(), "builtins.int", data=data)


def failure(run: Accepted, task: int) -> RunChanges:
    """What there is to write when the task failed: the first one, or the second after the first succeeded."""
    progress = {TaskStatus.FAILED: 1, (TaskStatus.SUCCESSFUL if task else TaskStatus.PENDING): 1}
    ending = Ending(WorkflowStatus.FAILED, task)
    return RunChanges(run.key, run.run, progress, tasks={task: TaskStatus.FAILED}, ending=ending)


@dataclass
class Opened:
    """A store with a set clock."""

    store: Store
    clock: Clock

    @property
    def database(self) -> Path | str:
        """What `tests.invariants` opens."""
        return self.store.location.path or self.store.location.url

    def journal(self, **of_owner: object) -> Journal:
        """Of a new owner: this process, but for what is said otherwise."""
        owner: Owner = replace(this_process("embedded", self.clock()), **of_owner)  # type: ignore[arg-type]
        return self.store.journal(owner)

    def submit(
        self, journal: Journal, workflow_id: str, status: WorkflowStatus = WorkflowStatus.RUNNING
    ) -> Accepted:
        plan, arguments, _ = self.store.with_arguments(make_plan(chain(), Inputs()))
        submission = Submission(workflow_id, plan, arguments, "{}", status, NOBODY, self.clock())
        (answer,) = journal.commit(Batch([submission], [])).answers
        assert isinstance(answer, Accepted)
        return answer

    def claim(self, journal: Journal, workflow_id: str) -> Accepted | Refused:
        claim = Claim(workflow_id, WorkflowStatus.RUNNING, NOBODY, self.clock())
        (answer,) = journal.commit(Batch([claim], [])).answers
        return answer

    def renew(self, journal: Journal) -> None:
        journal.commit(Batch([], [], self.clock() + LEASE_SECONDS))

    def succeed(self, journal: Journal, run: Accepted, task: int) -> Committed:
        """Write that the task's first attempt succeeded, with the task's number as output."""
        return journal.commit(Batch([], [self.success(run, task)]))

    def success(self, run: Accepted, task: int) -> RunChanges:
        """What there is to write then."""
        now = self.clock()
        phases = Phases(submitted=now, started=now, loaded=now, finished=now, serialised=now)
        count = len(make_plan(chain(), Inputs()).tasks)
        last = task == count - 1
        counted = {TaskStatus.SUCCESSFUL: task + 1, TaskStatus.PENDING: count - task - 1}
        return RunChanges(
            run.key,
            run.run,
            {status: count for status, count in counted.items() if count},
            tasks={task: TaskStatus.SUCCESSFUL},
            attempts={(task, 1): AttemptEntry(task, 1, AttemptStatus.SUCCESSFUL, now, now, phases)},
            outputs={task: value(task)},
            ending=Ending(WorkflowStatus.SUCCESSFUL) if last else None,
        )

    def record(self, workflow_id: str) -> WorkflowRecord:
        record = self.store.queries.workflow(workflow_id)
        assert record is not None
        return record

    def standing(self, workflow_id: str) -> Standing:
        standing = self.store.standing(workflow_id)
        assert standing is not None
        return standing

    def status(self, workflow_id: str) -> str:
        return self.record(workflow_id).status

    def outputs(self, workflow_id: str) -> set[int]:
        """Numbers of the tasks whose outputs are stored."""
        return set(self.store.checkpoints.plan(self.record(workflow_id).key).stored)


def opened(path: Path | str) -> Opened:
    clock = Clock()
    return Opened(Store(locate(path), clock), clock)
