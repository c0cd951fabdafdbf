"""Rows and records: the one place where either becomes the other."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from heliograph.graph.options import TaskOptions
from heliograph.records.attempt import (
    NO_RESOURCES,
    UNKNOWN,
    AttemptRecord,
    Failure,
    Phases,
    Pickled,
    RayFacts,
    ReportRecord,
    Resources,
    StoredValue,
    Worker,
)
from heliograph.records.report import Progress
from heliograph.records.status import ACTIVE, LEFT_TASK, AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.records.workflow import (
    FunctionRecord,
    InputRecord,
    Owner,
    RunRecord,
    TaskCounts,
    TaskRecord,
    WorkflowRecord,
)
from heliograph.storage.entries import AttemptEntry
from heliograph.storage.remembering import by_identity
from heliograph.storage.tables.layout import Role
from heliograph.storage.tables.soundness import UnsoundError

if TYPE_CHECKING:
    from heliograph.storage.engines import Engines

_STATUSES: Final = {status.value: status for status in WorkflowStatus}
_REMEMBERED: Final = 256

USUAL_OPTIONS: Final = (
    '{"task_type": "FUNCTION", "max_retries": 3, "retry_exceptions": false, "catch_exceptions": false, '
    '"checkpoint": true, "retry_delay": 0.0, "retry_delay_max": 60.0}'
)
"""What most tasks have, and would fill a quarter of a task's room: stored as `LEFT_OUT`.

Never to be changed, whatever options will be usual: it is what that stands for in every store.
"""
LEFT_OUT: Final = "{}"


def attempt_row(key: int, run: int, stored: float, entry: AttemptEntry) -> tuple[Any, ...]:
    """An attempt, as the journal writes it: in the order of the table's columns."""
    phases, failure = entry.phases, entry.failure
    worker, used = entry.worker or UNKNOWN, entry.resources or NO_RESOURCES
    return (
        key,
        entry.task,
        entry.attempt,
        run,
        str(entry.status),
        entry.created,
        entry.ready,
        *phases[2:7],
        None if entry.status is AttemptStatus.RUNNING else stored,
        entry.backoff,
        entry.inputs_size,
        worker.host or None,
        worker.pid or None,
        worker.worker_id or None,
        worker.node_id,
        worker.ray and _ray_json(worker.ray),
        used[0] or None,
        *used[1:],
        failure and failure.kind,
        failure and cleaned(failure.message),
        failure and failure.traceback and cleaned(failure.traceback),
        failure and failure.died,
    )


@by_identity(_REMEMBERED)  # many attempts share them
def _ray_json(facts: RayFacts) -> str:
    # By hand: `asdict` copies deeply, and this is written with every attempt.
    return json.dumps(
        {
            "task_id": facts.task_id,
            "job_id": facts.job_id,
            "resources": facts.resources,
            "object_store_bytes": facts.object_store_bytes,
        }
    )


def cleaned(text: str) -> str:
    r"""Text without what no database takes: null characters and halves of characters.

    >>> cleaned("a\x00b\ud800")
    'a\\x00b\\ud800'
    """
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def value_row(key: int, task: int, role: Role, value: Pickled) -> tuple[Any, ...]:
    """A stored value, as the journal writes it: in the order of the table's columns."""
    if isinstance(value, bytes):
        return key, str(role), task, len(value), hashlib.sha256(value).hexdigest(), None, value, None
    return key, str(role), task, value.size, value.sha256, value.kind, value.data, value.location


@by_identity(_REMEMBERED)  # many tasks share them
def options_json(options: TaskOptions) -> str:
    """A task's options as they are stored: all but its id and its metadata, which have columns."""
    retried = options.retry_exceptions
    text = json.dumps(
        {
            "task_type": "WAIT" if options.is_wait or options.sleep is not None else "FUNCTION",
            "max_retries": options.max_retries,
            "retry_exceptions": retried if isinstance(retried, bool) else list(retried),
            "catch_exceptions": options.catch_exceptions,
            "checkpoint": options.checkpoint is not False,
            "retry_delay": options.retry_delay,
            "retry_delay_max": options.retry_delay_max,
        }
        | ({} if options.timeout is None else {"timeout": options.timeout})
        | ({} if options.sleep is None else {"sleep": options.sleep})
        | ({} if options.ray is None else {"ray_options": json.loads(options.ray)})
        | ({"references": options.references} if options.references else {})
    )
    return LEFT_OUT if text == USUAL_OPTIONS else text


def whole_options(stored: str) -> str:
    """A task's options as JSON, none left out.

    >>> whole_options(options_json(TaskOptions())) == USUAL_OPTIONS
    True
    """
    return USUAL_OPTIONS if stored == LEFT_OUT else stored


def options_of(task_id: str, options: str, user_metadata: str) -> TaskOptions:
    """A task's options, read back."""
    given = _parsed(whole_options(options))
    retried = given["retry_exceptions"]
    return TaskOptions(
        name=task_id,
        metadata_json=user_metadata,
        max_retries=given["max_retries"],
        retry_exceptions=retried if isinstance(retried, bool) else tuple(retried),
        catch_exceptions=given["catch_exceptions"],
        checkpoint=given["checkpoint"],
        timeout=given.get("timeout"),
        retry_delay=given["retry_delay"],
        retry_delay_max=given["retry_delay_max"],
        sleep=given.get("sleep"),
        is_wait=given["task_type"] == "WAIT" and "sleep" not in given,
        ray=json.dumps(given["ray_options"]) if "ray_options" in given else None,
        references=tuple(given.get("references", ())),
    )


@functools.lru_cache(_REMEMBERED)
def _parsed(options: str) -> Mapping[str, Any]:
    parsed: dict[str, Any] = json.loads(options)
    return parsed


def progress_json(progress: Mapping[TaskStatus, int] | Mapping[str, int]) -> str:
    """Counts of tasks by status, as they are stored."""
    # By hand: it is written with every commit, and statuses need no escaping.
    return "{" + ", ".join([f'"{status!s}": {count}' for status, count in progress.items()]) + "}"


def value_record(row: Any, prefix: str) -> StoredValue | None:
    """A stored value, without its data; None where the row has none."""
    size = getattr(row, f"{prefix}size")
    if size is None:
        return None
    return StoredValue(
        size=size,
        sha256=getattr(row, f"{prefix}sha256"),
        kind=getattr(row, f"{prefix}kind"),
        location=getattr(row, f"{prefix}location"),
    )


def value_with_data(row: Any) -> StoredValue:
    """A stored value, with its data if they are inline."""
    data = None if row.data is None else bytes(row.data)
    return StoredValue(row.size, row.sha256, row.kind, data=data, location=row.location)


def owner_record(row: Any) -> Owner | None:
    """The owner in a row that was joined with it."""
    if row.owner_id is None:
        return None
    return Owner(
        owner_id=row.owner_id,
        host=row.owner_host,
        machine=row.machine,
        pid=row.owner_pid,
        process_start=row.process_start,
        engine=row.engine,
        lease_until=row.lease_until,
        code=row.owner_code,
    )


def run_record(row: Any) -> RunRecord:
    """A run with its owner."""
    return RunRecord(
        run=row.run,
        reason=RunReason(row.reason),
        status=WorkflowStatus(row.run_status),
        owner=owner_record(row),
        created_time=row.run_created_time,
        start_time=row.start_time,
        end_time=row.end_time,
        cancel_time=row.cancel_time,
        reused=row.reused,
        code=_code(json.loads(row.code), json.loads(row.owner_code or "{}")),
        user=row.login,
        argv=tuple(json.loads(row.argv)),
        hostname=row.hostname,
        error_type=row.error_type,
        error_message=row.error_message,
        error_task=row.error_task_id,
    )


def _code(code: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """What a run was started with, and what its engine found out later.

    That is of the engine's own repository, and whoever handed the run in may have had another one, or other
    changes in it.

    >>> _code({"git_commit": "a1"}, {"git_commit": "b2", "git_dirty": True})
    {'git_commit': 'a1'}
    >>> _code({"git_commit": "a1", "git_dirty": False}, {"git_commit": "a1", "git_dirty": True})
    {'git_commit': 'a1', 'git_dirty': False}
    """
    commit = code.get("git_commit")
    return code | facts | code if commit is not None and facts.get("git_commit", commit) == commit else code


def workflow_record(row: Sequence[Any], engines: Engines) -> WorkflowRecord:
    """A workflow, and how it stands.

    Args:
        row: what the statements of `composed.queries` have of a workflow.
        engines: who may have it.

    Raises:
        UnsoundError: a value is missing.
    """
    # By place, and in one go: a page has many, and names would cost as much again.
    (
        key,
        workflow_id,
        name,
        status,
        user_metadata,
        output_task,
        output_options,
        progress,
        parent,
        run,
        start_time,
        end_time,
        error_type,
        error_message,
        error_task,
        owner,
        lease_until,
    ) = row
    if None in (run, status, progress, output_options):  # where it is joined, that may be
        raise UnsoundError("workflows", "a column has no value", key, workflow_id)
    stored = _STATUSES[status]
    reads = engines.status(stored, owner, lease_until) if stored in ACTIVE else stored
    return _workflow_record(
        (
            key,
            workflow_id,
            name,
            reads,
            stored,
            user_metadata,
            output_task,
            whole_options(output_options),
            task_counts(progress, reads is WorkflowStatus.RESUMABLE),
            parent,
            run,
            start_time,
            end_time,
            owner,
            engines.kinds.get(owner) or engines.kind(owner),
            error_type,
            error_message,
            error_task,
        )
    )


_workflow_record: Final[Callable[[tuple[Any, ...]], WorkflowRecord]] = functools.partial(
    tuple.__new__, WorkflowRecord
)
"""Makes one of all its fields, in half the time."""


@functools.lru_cache(1024)  # of most workflows, all tasks succeeded
def task_counts(progress: str, is_left: bool) -> TaskCounts:
    """How many tasks have each status.

    Args:
        progress: as it is stored.
        is_left: the engine of their workflow is gone, and nothing of it runs.

    >>> task_counts('{"SUCCESSFUL": 2, "RUNNING": 1}', True)
    TaskCounts(by_status={'SUCCESSFUL': 2, 'READY': 1}, done=2, total=3)
    """
    counts = {TaskStatus(name): count for name, count in json.loads(progress).items()}
    for running, reads in LEFT_TASK.items() if is_left else ():
        if count := counts.pop(running, 0):
            counts[reads] = counts.get(reads, 0) + count
    return TaskCounts.of(counts)


def task_record(
    row: Any,
    upstream: tuple[str, ...],
    attempts: tuple[AttemptRecord, ...],
    inputs: tuple[InputRecord, ...],
    report: ReportRecord | None,
) -> TaskRecord:
    """A task, from its row joined with its function, its output and its arguments."""
    status, options = TaskStatus(row.status), whole_options(row.options)
    is_sleep = row.due is not None and "sleep" in json.loads(options)
    # The time stays where it is when the next attempt begins.
    is_paused = (
        not is_sleep
        and status is TaskStatus.WAITING
        and bool(attempts)
        and attempts[-1].status is not AttemptStatus.SUCCESSFUL
    )
    return TaskRecord(
        number=row.task,
        task_id=row.task_id,
        status=status,
        options=options,
        user_metadata=row.user_metadata,
        function=FunctionRecord(row.module, row.qualname, row.file, row.line, row.source_hash),
        upstream=upstream,
        reused_in=row.reused_in,
        creator=row.creator_id,
        output=value_record(row, "output_"),
        arguments=value_record(row, "arguments_"),
        inputs=inputs,
        attempts=attempts,
        report=report,
        wake_time=row.due if is_sleep else None,
        next_attempt_time=row.due if is_paused else None,
    )


def report_record(row: Any) -> ReportRecord:
    """What an attempt has said so far, but for its lines and points."""
    progress = None
    if row.done is not None:
        progress = Progress(whole(row.done), whole(row.total), row.message, row.progress_time)
    return ReportRecord(progress, row.lines, row.points, row.lines_dropped, row.points_dropped)


def whole(number: float | None) -> Any:
    """A number as its task gave it: databases make floats of them all.

    >>> whole(3.0), whole(0.5)
    (3, 0.5)
    """
    return int(number) if number is not None and number == int(number) else number


def _worker(row: Any) -> Worker:
    ray = None if row.ray is None else RayFacts(**json.loads(row.ray))
    return Worker(row.host, row.pid, row.worker_id, row.node_id, ray)


def attempt_record(row: Any) -> AttemptRecord:
    """One attempt."""
    failed = row.error_type is not None
    return AttemptRecord(
        attempt=row.attempt,
        run=row.run,
        status=AttemptStatus(row.status),
        phases=Phases(
            row.created,
            row.ready,
            row.submitted,
            row.started,
            row.loaded,
            row.finished,
            row.serialised,
            row.stored,
        ),
        backoff=row.backoff,
        inputs_size=row.inputs_size,
        failure=Failure(row.error_type, row.error_message, row.error_traceback, died=bool(row.died))
        if failed
        else None,
        worker=_worker(row) if row.worker_id else None,
        resources=Resources(
            row.measured or "exclusive",
            row.cpu_time,
            row.peak_rss,
            row.start_rss,
            row.read_bytes,
            row.write_bytes,
            row.voluntary_switches,
            row.involuntary_switches,
            row.exit_code,
            row.signal,
        ),
    )
