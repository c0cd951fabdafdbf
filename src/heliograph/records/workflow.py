"""What is known of a workflow, its runs and its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from heliograph.graph.frozen import record
from heliograph.records.attempt import AttemptRecord, ReportRecord, StoredValue
from heliograph.records.status import LEFT_ATTEMPT, LEFT_TASK, RunReason, TaskStatus, WorkflowStatus


@record
class RunRecord:
    """One start or resume of a workflow; never overwritten by a later one.

    Attributes:
        run: its number, from 1.
        reason: why it began.
        status: how it stands, or ended.
        owner: who runs or ran it.
        created_time: when it was submitted; this and all other times in Unix seconds.
        start_time: when its tasks could begin.
        end_time: when it ended by itself; absent after a cancel.
        cancel_time: when it was cancelled.
        reused: how many tasks it took from checkpoints.
        code: git commit, entry point, versions; see `engines.provenance`.
        user: the login name.
        argv: the command line, secrets redacted; see `records.redaction`.
        hostname: of the engine.
        error_type: dotted type of the error that failed it.
        error_message: its text.
        error_task: id of the task that raised it.
    """

    run: int
    reason: RunReason
    status: WorkflowStatus
    owner: Owner | None
    created_time: float
    start_time: float | None
    end_time: float | None
    cancel_time: float | None
    reused: int
    code: Mapping[str, Any]
    user: str | None
    argv: tuple[str, ...]
    hostname: str | None
    error_type: str | None
    error_message: str | None
    error_task: str | None


@record
class Owner:
    """An engine, as the storage knows it.

    Attributes:
        owner_id: unique.
        host: host name.
        machine: tells this boot of this machine (and container) from every other.
        pid: the engine's process.
        process_start: when that process started; a pid alone may be another process by now.
        engine: ``embedded`` or ``ray``.
        lease_until: past this time it counts as gone, unless it renews the lease.
        code: what became known of its code after its runs had begun, as JSON.
    """

    owner_id: str
    host: str
    machine: str
    pid: int
    process_start: float
    engine: str
    lease_until: float
    code: str = "{}"


@record
class TaskCounts:
    """How many tasks of a workflow have each status. Many workflows share one.

    Attributes:
        by_status: by the status; not to be changed.
        done: how many are SUCCESSFUL.
        total: how many there are.
    """

    by_status: dict[str, int]
    done: int
    total: int

    @classmethod
    def of(cls, counts: Mapping[TaskStatus, int]) -> TaskCounts:
        """Counts by status, summed up."""
        by_status = {str(status): count for status, count in counts.items()}
        return cls(by_status, counts.get(TaskStatus.SUCCESSFUL, 0), sum(counts.values()))


class WorkflowRecord(NamedTuple):  # a page of them is made at once, and a dataclass takes four times as long
    """A workflow, and how its newest run stands: as much as pages show of it.

    Attributes:
        key: the storage's own number of it.
        workflow_id: its id.
        name: the function of the task that gives its output.
        status: as stored, or RESUMABLE where the stored owner is gone.
        stored_status: as stored.
        user_metadata: what `workflow.run(metadata=...)` was given, as JSON text.
        output_task: number of the task that gives its output.
        output_options: options of that task, as JSON text.
        progress: how many tasks have each status.
        parent: id of the workflow that started it.
        run: number of the newest run.
        start_time: when that one's tasks could begin, in Unix seconds.
        end_time: when it ended by itself.
        owner_id: who runs or ran it.
        engine: of which kind that is.
        error_type: dotted type of the error that failed it.
        error_message: its text.
        error_task: id of the task that raised it.
    """

    key: int
    workflow_id: str
    name: str
    status: WorkflowStatus
    stored_status: WorkflowStatus
    user_metadata: str
    output_task: int
    output_options: str
    progress: TaskCounts
    parent: str | None
    run: int
    start_time: float | None
    end_time: float | None
    owner_id: str | None
    engine: str | None
    error_type: str | None
    error_message: str | None
    error_task: str | None


@record
class FunctionRecord:
    """Where a task's function came from; as `graph.function.Function`, without the function."""

    module: str
    qualname: str
    file: str | None
    line: int | None
    source_hash: str | None


@record
class InputRecord:
    """The output of a task, as an input of another one.

    Attributes:
        task_id: of the task it is the output of.
        value: its size, type and place.
    """

    task_id: str
    value: StoredValue


@record
class TaskRecord:
    """A task, with all its attempts.

    Attributes:
        number: its position in the workflow.
        task_id: its id.
        status: how it stands.
        options: as JSON text, complete.
        user_metadata: as JSON text.
        function: what it calls.
        upstream: ids of the tasks whose outputs it takes.
        reused_in: the last run that took its checkpoint instead of running it.
        creator: id of the task whose continuation it is a part of.
        output: size, type and place of its stored output.
        arguments: size and place of its pickled arguments, without its inputs.
        inputs: size, type and place of those outputs that are stored.
        attempts: oldest first.
        report: what its newest attempt said; one may say something before it is seen to run.
        wake_time: of a sleep that has begun: when it ends, in Unix seconds.
        next_attempt_time: of a task that pauses after an attempt: when the next one begins, in Unix seconds.
    """

    number: int
    task_id: str
    status: TaskStatus
    options: str
    user_metadata: str
    function: FunctionRecord
    upstream: tuple[str, ...]
    reused_in: int | None
    creator: str | None
    output: StoredValue | None
    attempts: tuple[AttemptRecord, ...]
    arguments: StoredValue | None = None
    inputs: tuple[InputRecord, ...] = ()
    report: ReportRecord | None = None
    wake_time: float | None = None
    next_attempt_time: float | None = None


def left(task: TaskRecord) -> TaskRecord:
    """A task as it reads where the engine of its workflow is gone: nothing of it runs."""
    attempts = tuple(
        replace(one, status=LEFT_ATTEMPT[one.status]) if one.status in LEFT_ATTEMPT else one
        for one in task.attempts
    )
    status = LEFT_TASK.get(task.status, task.status)
    return replace(task, status=status, attempts=attempts, next_attempt_time=None)  # a resume does not wait
