"""What one attempt was: its phases, what it used, and how it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, NamedTuple

from heliograph.graph.frozen import record
from heliograph.records.report import Progress
from heliograph.records.status import AttemptStatus


@record
class StoredValue:
    """A pickled value: in the store, or on its way there.

    Attributes:
        size: bytes, pickled.
        sha256: of the pickled bytes, in hex.
        kind: dotted name of the value's type; None where nobody looked.
        data: the bytes, where they are kept inline.
        location: where they are in the value store, if they are large.
        handle: where the engine that made it holds the object in memory; it is never stored.
    """

    size: int
    sha256: str
    kind: str | None
    data: bytes | None = None
    location: str | None = None
    handle: Any = field(default=None, compare=False, repr=False)


Pickled = bytes | StoredValue
"""A pickled value: the bytes alone where they are kept inline, else what is known of it, and where it is.

Of many tasks, records of small values would be what Python's garbage collector is busy with.
"""


@record
class Failure:
    """Why an attempt failed.

    Attributes:
        kind: the error's type, dotted.
        message: its text.
        traceback: as Python prints it, frames of heliograph left out.
        lineage: dotted names of the type and all it inherits from, to match `retry_exceptions`.
        died: the worker died; the task's own code raised nothing.
        error: the pickled exception; None where it can't be pickled.
        damaged: location of a stored value that could not be read, if that was it.
    """

    kind: str
    message: str
    traceback: str | None = None
    lineage: tuple[str, ...] = ()
    died: bool = False
    error: bytes | None = None
    damaged: str | None = None


@record
class RayFacts:
    """What Ray knows of an attempt.

    Attributes:
        task_id: Ray's own id of the task it ran in; attempts of short tasks may share one.
        job_id: Ray's id of the job it belongs to.
        resources: what it was granted.
        object_store_bytes: of its output, in Ray's object store; 0: it is not there.
    """

    task_id: str
    job_id: str
    resources: Mapping[str, float]
    object_store_bytes: int = 0


@record
class Worker:
    """Who ran an attempt.

    Attributes:
        host: host name.
        pid: process id.
        worker_id: the engine's name of the worker.
        node_id: Ray's name of the node.
        ray: more that Ray knows; None: it did not run there.
    """

    host: str
    pid: int
    worker_id: str
    node_id: str | None = None
    ray: RayFacts | None = None


UNKNOWN: Final = Worker("", 0, "")
"""Who ran an attempt of which nobody knows that, or that nobody ran."""


class Phases(NamedTuple):
    """When each phase of an attempt began, in Unix seconds; None: not (yet) reached or known.

    Attributes:
        created: it was planned.
        ready: its inputs were stored.
        submitted: the engine's executor has it.
        started: a worker has it.
        loaded: function and inputs are there; the user's code begins.
        finished: the user's code is done.
        serialised: the output is pickled.
        stored: the record is committed.
    """

    created: float | None = None
    ready: float | None = None
    submitted: float | None = None
    started: float | None = None
    loaded: float | None = None
    finished: float | None = None
    serialised: float | None = None
    stored: float | None = None


class Resources(NamedTuple):
    """What just this attempt used.

    Attributes:
        measured: ``exclusive``: nothing else ran in the process; ``shared``: other attempts did. Empty:
            nothing was measured.
        cpu_time: seconds of CPU, user and system.
        peak_rss: most memory resident at once, bytes.
        start_rss: memory resident when it began, bytes: the worker's own, and what earlier attempts left.
        read_bytes: read from storage devices.
        write_bytes: written to them.
        voluntary_switches: times it gave the CPU up to wait.
        involuntary_switches: times the CPU was taken away.
        exit_code: of the worker, if it died by exiting.
        signal: number of the signal that killed the worker.
    """

    measured: str = "exclusive"
    cpu_time: float | None = None
    peak_rss: int | None = None
    start_rss: int | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    exit_code: int | None = None
    signal: int | None = None


NO_RESOURCES: Final = Resources(measured="")
"""What an attempt used of which that was not measured; one record serves them all."""


@record
class ReportRecord:
    """What an attempt said of itself; its lines and points are only counted here.

    Attributes:
        progress: how far it was.
        lines: how many lines it logged.
        points: how many values of metrics it gave.
        lines_dropped: how many of the lines were too many to be kept.
        points_dropped: how many of the values were.
    """

    progress: Progress | None
    lines: int
    points: int
    lines_dropped: int
    points_dropped: int


@record
class AttemptRecord:
    """One try of a task; written when it begins, completed when it ends, and never changed after.

    Attributes:
        attempt: its number, from 1, counted over all runs.
        run: the run it belongs to.
        status: how it went.
        phases: when each phase began.
        backoff: seconds waited before it, because of the attempt before.
        inputs_size: bytes of its arguments and inputs.
        failure: why it failed; without the pickled exception.
        worker: who ran it.
        resources: what it used.
        report: what it said while it ran; None: nothing.
    """

    attempt: int
    run: int
    status: AttemptStatus
    phases: Phases
    backoff: float = 0.0
    inputs_size: int | None = None
    failure: Failure | None = None
    worker: Worker | None = None
    resources: Resources = field(default_factory=Resources)
    report: ReportRecord | None = None
