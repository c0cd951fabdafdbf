"""What the journal is asked to write, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from heliograph.errors import StorageError
from heliograph.graph.frozen import record
from heliograph.graph.plan import Plan
from heliograph.records.attempt import Failure, Phases, Pickled, Resources, StoredValue, Worker
from heliograph.records.report import Report
from heliograph.records.status import AttemptStatus, RunReason, TaskStatus, WorkflowStatus


@record
class Provenance:
    """Who started a run, with what.

    Attributes:
        code_json: entry point, versions and so on, as JSON text.
        login: the user's login name.
        argv_json: the command line as a JSON list, secrets redacted.
        hostname: of the machine.
    """

    code_json: str
    login: str | None
    argv_json: str
    hostname: str


@record
class Submission:
    """A new workflow.

    Attributes:
        workflow_id: its id.
        plan: what it will do.
        arguments: of the plan's tasks, by number; large ones are in the value store already.
        user_metadata: as JSON.
        status: what its run begins as, RUNNING or PENDING.
        provenance: who submits it.
        created_time: when, Unix seconds.
        parent: id of the workflow whose task submits it.
        folder: of the value store, where its large arguments are; None: it has none.
    """

    workflow_id: str
    plan: Plan
    arguments: tuple[Pickled, ...]
    user_metadata: str
    status: WorkflowStatus
    provenance: Provenance
    created_time: float
    parent: str | None = None
    folder: str | None = None


@record
class Claim:
    """A wish to resume a stored workflow.

    Attributes:
        workflow_id: its id.
        status: what the new run begins as, RUNNING or PENDING.
        provenance: who resumes it.
        created_time: when it was asked for.
        reason: recorded with the run; a workflow that had failed says `RunReason.RETRY` instead of RESUME.
            One that was handed in for any engine is there for RECOVERED only.
        limit: take it only while fewer than so many run, over all engines; None: any number.
        most_deaths: give it up after so many engines in a row died with it; None: any number.
    """

    workflow_id: str
    status: WorkflowStatus
    provenance: Provenance
    created_time: float
    reason: RunReason = RunReason.RESUME
    limit: int | None = None
    most_deaths: int | None = None


@record
class Accepted:
    """The workflow is this owner's now."""

    key: int
    run: int


@record
class Refused:
    """The workflow is not this owner's.

    Attributes:
        status: of the workflow, which is why. None: for a submission, its id is taken; for a claim, there is
            no such workflow.
        output: of a successful one.
    """

    status: WorkflowStatus | None
    output: StoredValue | None = None


@record
class Standing:
    """As much of a workflow as it takes to cancel or delete it, however damaged the rest is.

    Attributes:
        key: of it.
        workflow_id: its id.
        run: number of its newest run, as it is stored.
        is_left: an engine should have it, and none does, as far as is known.
    """

    key: int
    workflow_id: str
    run: int
    is_left: bool


@record
class Unstored:
    """Nothing of the submission is stored, since it came too late: its large arguments may be gone."""

    error: StorageError


class AttemptEntry(NamedTuple):
    """One attempt, as far as it is known.

    Attributes:
        task: number of its task.
        attempt: its number.
        status: how it went.
        created: when it was planned; for a retry, when the attempt before ended.
        ready: when its inputs were stored; for a retry, when the delay before it was over.
        phases: what the worker measured.
        inputs_size: bytes of arguments and inputs.
        worker: who has or had it.
        resources: what it used.
        failure: why it failed.
        backoff: seconds waited before it.
    """

    task: int
    attempt: int
    status: AttemptStatus
    created: float
    ready: float
    phases: Phases
    inputs_size: int | None = None
    worker: Worker | None = None
    resources: Resources | None = None
    failure: Failure | None = None
    backoff: float = 0.0


@record
class AttemptReport:
    """What an attempt of a task said."""

    task: int
    attempt: int
    report: Report


@record
class Ending:
    """How a run ended by itself: never by a cancellation, which is stored by whoever asked for it."""

    status: WorkflowStatus
    failed_task: int | None = None
    failure: Failure | None = None


@record
class Expansion:
    """The tasks of a continuation.

    Attributes:
        creator: the task that returned it.
        frame: the task that waits for it; its output is to be that of the last of the tasks.
        first: the number of the first of the tasks.
        plan: the tasks; their upstream numbers are counted from `first`.
        arguments: of the plan's tasks; large ones are in the value store already.
        functions: the number in the workflow of each function of the plan.
        new_functions: which of these are not stored yet.
    """

    creator: int
    frame: int
    first: int
    plan: Plan
    arguments: tuple[Pickled, ...]
    functions: tuple[int, ...]
    new_functions: frozenset[int]


@dataclass(slots=True)
class RunChanges:
    """All that happened in one run since the last commit; later news of a task replaces earlier.

    Attributes:
        key: of the workflow.
        run: its number; if it is not the newest any more, nothing of this is written.
        progress: how many tasks have each status, after the changes.
        expansions: tasks that continuations added.
        tasks: new statuses.
        due: when sleeps that began will end, and when tasks that pause will be tried again.
        attempts: attempts that began or ended.
        outputs: outputs to store.
        damaged: tasks whose outputs are stored, and can't be read any more; new ones may be in `outputs`.
        said: what attempts said while they run.
        ending: if the run ended.
        started: the run left the queue at this time.
    """

    key: int
    run: int
    progress: Mapping[TaskStatus, int] = field(default_factory=dict)
    expansions: list[Expansion] = field(default_factory=list)
    due: dict[int, float] = field(default_factory=dict)
    tasks: dict[int, TaskStatus] = field(default_factory=dict)
    attempts: dict[tuple[int, int], AttemptEntry] = field(default_factory=dict)
    outputs: dict[int, StoredValue] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    said: list[AttemptReport] = field(default_factory=list)
    ending: Ending | None = None
    started: float | None = None
