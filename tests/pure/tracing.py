"""Traces made by hand: tasks and attempts with the times that a test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from heliograph.records.status import AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.records.trace import AttemptColumns, OutputColumns, TaskColumns, Trace
from heliograph.records.workflow import FunctionRecord, RunRecord, TaskCounts, WorkflowRecord

OPTIONS = '{"task_type": "FUNCTION", "max_retries": 3}'
WAIT = '{"task_type": "WAIT", "sleep": 1.0}'


@dataclass
class Try:
    """An attempt; times as given."""

    attempt: int = 1
    run: int = 1
    status: AttemptStatus = AttemptStatus.SUCCESSFUL
    created: float | None = None
    ready: float | None = None
    submitted: float | None = None
    started: float | None = None
    loaded: float | None = None
    finished: float | None = None
    serialised: float | None = None
    stored: float | None = None
    backoff: float = 0.0
    inputs_size: int | None = None
    host: str | None = "here"
    pid: int | None = 7
    worker_id: str | None = "process-1"
    cpu_time: float | None = None
    peak_rss: int | None = None
    start_rss: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    error_type: str | None = None
    error_message: str | None = None


@dataclass
class Made:
    """A task with its attempts."""

    task_id: str
    upstream: Sequence[int] = ()
    attempts: Sequence[Try] = ()
    function: int = 0
    status: TaskStatus = TaskStatus.SUCCESSFUL
    options: str = OPTIONS
    user_metadata: str = "{}"
    reused_in: int | None = None
    creator: int | None = None
    frame: int | None = None
    delivers_to: int | None = None
    due: float | None = None
    output: tuple[int, str, str] | None = field(default=None)
    arguments: str | None = None


def tried(
    ready: float,
    *,
    queue: float = 0.0,
    load: float = 0.0,
    compute: float = 0.0,
    store: float = 0.0,
    **other: Any,
) -> Try:
    """An attempt that went through all its phases, which took so long."""
    started = ready + queue
    loaded = started + load
    finished = loaded + compute
    return Try(
        created=ready,
        ready=ready,
        submitted=ready,
        started=started,
        loaded=loaded,
        finished=finished,
        serialised=finished,
        stored=finished + store,
        **other,
    )


def run_of(
    number: int = 1,
    status: WorkflowStatus = WorkflowStatus.SUCCESSFUL,
    begin: float = 0.0,
    end: float | None = None,
    **other: Any,
) -> RunRecord:
    """A run."""
    given: dict[str, Any] = {
        "run": number,
        "reason": RunReason.START if number == 1 else RunReason.RESUME,
        "status": status,
        "owner": None,
        "created_time": begin,
        "start_time": begin,
        "end_time": end,
        "cancel_time": None,
        "reused": 0,
        "code": {"entry_point": "script.py", "python": "3.11.7", "heliograph": "0.1"},
        "user": "ada",
        "argv": ("script.py",),
        "hostname": "here",
        "error_type": None,
        "error_message": None,
        "error_task": None,
    }
    return RunRecord(**(given | other))


def trace_of(
    tasks: Sequence[Made],
    runs: Sequence[RunRecord],
    *,
    functions: Sequence[str] = ("f",),
    now: float = 0.0,
    workflow_id: str = "w",
    user_metadata: str = "{}",
    progress: Mapping[TaskStatus, int] | None = None,
    output_task: int | None = None,
) -> Trace:
    """A workflow in columns."""
    counts: dict[TaskStatus, int] = {}
    for task in tasks:
        counts[task.status] = counts.get(task.status, 0) + 1
    pairs = [(number, one) for number, task in enumerate(tasks) for one in task.attempts]
    outputs = [(number, *task.output) for number, task in enumerate(tasks) if task.output]
    return Trace(
        workflow=WorkflowRecord(
            key=1,
            workflow_id=workflow_id,
            name=f"module.{functions[tasks[-1].function]}" if tasks else "module.f",
            status=runs[-1].status,
            user_metadata=user_metadata,
            output_task=max(len(tasks) - 1, 0) if output_task is None else output_task,
            output_options=OPTIONS,
            progress=TaskCounts.of(progress or counts),
            stored_status=runs[-1].status,
            parent=None,
            run=runs[-1].run,
            start_time=runs[-1].start_time,
            end_time=runs[-1].end_time,
            owner_id=None,
            engine=None,
            error_type=runs[-1].error_type,
            error_message=runs[-1].error_message,
            error_task=runs[-1].error_task,
        ),
        runs=tuple(runs),
        functions=tuple(
            FunctionRecord("module", name, f"{name}.py", 1, f"hash of {name}") for name in functions
        ),
        tasks=TaskColumns(
            **{column.name: [getattr(task, column.name) for task in tasks] for column in fields(TaskColumns)}
        ),
        attempts=AttemptColumns(
            task=[number for number, _ in pairs],
            **{
                column.name: [getattr(one, column.name) for _, one in pairs]
                for column in fields(AttemptColumns)
                if column.name != "task"
            },
        ),
        outputs=OutputColumns(*zip(*outputs, strict=True)) if outputs else OutputColumns((), (), (), ()),
        arguments={number: task.arguments for number, task in enumerate(tasks) if task.arguments},
        now=now,
    )
