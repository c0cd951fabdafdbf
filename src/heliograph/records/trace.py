"""All that happened in a workflow, in columns: what profiles, timelines and exports are made of.

These are the facts of `TaskRecord` and `AttemptRecord`. As objects, those of 200,000 tasks would take longer
to make than to read; in columns they are counted as fast as they come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.records.status import AttemptStatus, TaskStatus
from heliograph.records.workflow import FunctionRecord, RunRecord, WorkflowRecord


@dataclass(frozen=True, slots=True)
class TaskColumns:
    """Tasks, by number.

    Attributes:
        task_id: its id.
        function: its place in `Trace.functions`.
        status: how it stands.
        options: as JSON text, complete.
        user_metadata: as JSON text.
        reused_in: the last run that took its checkpoint instead of running it.
        creator: number of the task whose continuation it is a part of.
        frame: number of the task that the continuation stands for: whose dependents wait for it.
        delivers_to: number of the task whose output it gives, as the last of a continuation.
        due: when its sleep ends, or its last pause before an attempt did or does, in Unix seconds.
        upstream: numbers of the tasks whose outputs it takes.
    """

    task_id: Sequence[str]
    function: Sequence[int]
    status: Sequence[TaskStatus]
    options: Sequence[str]
    user_metadata: Sequence[str]
    reused_in: Sequence[int | None]
    creator: Sequence[int | None]
    frame: Sequence[int | None]
    delivers_to: Sequence[int | None]
    due: Sequence[float | None]
    upstream: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.task_id)


@dataclass(frozen=True, slots=True)
class AttemptColumns:
    """Attempts, ordered by task and number. Times in Unix seconds, None where a phase was not reached.

    Attributes:
        task: number of its task.
        attempt: its number, from 1, counted over all runs.
        run: the run it belongs to.
        status: how it went.
        created: it was planned.
        ready: its inputs were stored.
        submitted: the engine's executor has it.
        started: a worker has it.
        loaded: the user's code begins.
        finished: the user's code is done.
        serialised: the output is pickled.
        stored: the record is committed.
        backoff: seconds waited before it, because of the attempt before.
        inputs_size: bytes of its arguments and inputs.
        host: host name of the worker.
        pid: process id of the worker.
        worker_id: the engine's name of the worker.
        cpu_time: seconds of CPU.
        peak_rss: most memory resident at once, bytes.
        start_rss: memory resident when it began, bytes.
        voluntary_switches: times it gave the CPU up to wait.
        involuntary_switches: times the CPU was taken away.
        error_type: dotted type of its error.
        error_message: text of its error.
    """

    task: Sequence[int]
    attempt: Sequence[int]
    run: Sequence[int]
    status: Sequence[AttemptStatus]
    created: Sequence[float | None]
    ready: Sequence[float | None]
    submitted: Sequence[float | None]
    started: Sequence[float | None]
    loaded: Sequence[float | None]
    finished: Sequence[float | None]
    serialised: Sequence[float | None]
    stored: Sequence[float | None]
    backoff: Sequence[float]
    inputs_size: Sequence[int | None]
    host: Sequence[str | None]
    pid: Sequence[int | None]
    worker_id: Sequence[str | None]
    cpu_time: Sequence[float | None]
    peak_rss: Sequence[int | None]
    start_rss: Sequence[int | None]
    voluntary_switches: Sequence[int | None]
    involuntary_switches: Sequence[int | None]
    error_type: Sequence[str | None]
    error_message: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.task)


USE: Final = frozenset(("serialised", "cpu_time", "voluntary_switches", "involuntary_switches"))
"""Columns of attempts from which it is told whether code and workers were at work in their time."""

FACTS: Final = USE | {"user_metadata", "reused_in", "inputs_size", "start_rss", "error_type", "error_message"}
"""Columns of tasks and attempts from which neither times nor workers are told."""


@dataclass(frozen=True, slots=True)
class OutputColumns:
    """Stored outputs, ordered by task.

    Attributes:
        task: number of its task.
        size: bytes, pickled.
        kind: dotted type.
        sha256: of the pickled output, in hex.
    """

    task: Sequence[int]
    size: Sequence[int]
    kind: Sequence[str | None]
    sha256: Sequence[str]


@dataclass(frozen=True, slots=True)
class Trace:
    """A workflow with all that happened in it, as of one moment.

    Columns that nobody asked for are empty: see `storage.questions.traces`.

    Attributes:
        workflow: itself.
        runs: all of them, oldest first.
        functions: what its tasks call.
        tasks: by number.
        attempts: of all runs.
        outputs: what is stored; without the values themselves.
        arguments: sha256 of the pickled arguments, in hex, by number of the task.
        now: the moment, in Unix seconds.
    """

    workflow: WorkflowRecord
    runs: tuple[RunRecord, ...]
    functions: tuple[FunctionRecord, ...]
    tasks: TaskColumns
    attempts: AttemptColumns
    outputs: OutputColumns
    arguments: Mapping[int, str]
    now: float
