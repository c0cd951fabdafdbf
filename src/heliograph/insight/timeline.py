"""When each attempt of a run went through its phases, and in which lane of which worker."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from heliograph.insight.causes import Causes, causes
from heliograph.insight.extent import dotted_names, the_run
from heliograph.insight.named import known
from heliograph.insight.table import Table, Tabular, table_of
from heliograph.insight.workers import natural
from heliograph.records.status import AttemptStatus, WorkflowStatus
from heliograph.records.trace import Trace

WAITS = "waits"
"""The lanes of attempts that occupy no worker: sleeps and events."""


_INNER: Final = ("task", "causes")  # numbers that mean something only in here


class Lane(NamedTuple):
    """A row of a timeline, in which attempts follow each other, each from its `started` to its `finished`.

    (A worker goes on to the next attempt before the output of the last one is committed.)

    Attributes:
        worker_id: the engine's name for the worker; `WAITS` for what occupies no worker.
        host: the name of its machine.
        pid: its process id, at its last attempt.
        slot: a number from 0: a worker that ran several attempts at once has several lanes.
    """

    worker_id: str
    host: str
    pid: int | None
    slot: int

    @property
    def name(self) -> str:
        """What people call it.

        >>> Lane("async-1", "here", 7, 0).name, Lane("async-1", "here", 7, 1).name
        ('async-1', 'async-1 (2)')
        """
        return f"{self.worker_id} ({self.slot + 1})" if self.slot else self.worker_id


class Bar(NamedTuple):
    """An attempt on a timeline. All times are Unix seconds; each phase ends where the next one begins.

    Attributes:
        task: the number of the task.
        task_id: the task.
        function: the dotted name of the task's function.
        attempt: the number of the attempt.
        status: how it ended.
        lane: its place in `Timeline.lanes`. None: no worker ever had it.
        ready: when it could begin.
        started: when a worker had it.
        loaded: when the user's code began.
        finished: when the user's code ended.
        stored: when its output, or its failure, was stored.
        critical: whether it is on the critical path.
        causes: places in `Timeline.bars` of the attempts that it had to wait for.
    """

    task: int
    task_id: str
    function: str
    attempt: int
    status: AttemptStatus
    lane: int | None
    ready: float
    started: float
    loaded: float
    finished: float
    stored: float
    critical: bool
    causes: Sequence[int]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.task_id} #{self.attempt}" if self.attempt > 1 else self.task_id


@dataclass(frozen=True, slots=True)
class Timeline(Tabular):
    """What ran when in one run of a workflow.

    Attributes:
        workflow_id: the workflow.
        run: the number of the run.
        status: the status of the run.
        begin: when the run began, in Unix seconds.
        end: when it ended, in Unix seconds; while it goes on: the moment of the timeline.
        lanes: the rows: the workers, and a row for what occupies no worker.
        bars: the attempts, ordered by task and number.
    """

    workflow_id: str
    run: int
    status: WorkflowStatus
    begin: float
    end: float
    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]

    @property
    def table(self) -> Table:
        """The attempts as a table."""
        names = [name for name in Bar._fields if name not in _INNER]
        return table_of(Bar, self.bars, names)

    def to_dict(self) -> dict[str, Any]:
        """As a dict that can be written as JSON, without what is not known."""
        return {
            "workflow_id": self.workflow_id,
            "run": self.run,
            "status": self.status,
            "begin": self.begin,
            "end": self.end,
            "lanes": [known(lane._asdict()) for lane in self.lanes],
            "bars": [
                known({name: value for name, value in bar._asdict().items() if name not in _INNER})
                for bar in self.bars
            ],
        }


def timeline(trace: Trace, run: int | None = None) -> Timeline:
    """What ran when.

    Args:
        trace: the workflow.
        run: number of the run; None: the newest.

    Raises:
        ValueError: the workflow has no such run.
    """
    record = the_run(trace, run)
    graph = causes(trace, record)
    lanes, lane_of = _lanes(trace, graph)
    names, of, tasks, phases = dotted_names(trace), trace.attempts, trace.tasks, graph.extents
    critical = set(graph.path())
    bars = tuple(
        Bar(
            task,
            tasks.task_id[task],
            names[tasks.function[task]],
            of.attempt[place],
            of.status[place],
            lane_of.get(at),
            phases.ready[at],
            phases.started[at],
            phases.loaded[at],
            phases.finished[at],
            phases.stored[at],
            at in critical,
            graph.causes[at],
        )
        for at, (place, task) in enumerate(zip(graph.places, graph.tasks, strict=True))
    )
    return Timeline(
        trace.workflow.workflow_id, record.run, record.status, graph.begin, graph.end, lanes, bars
    )


def _lanes(trace: Trace, graph: Causes) -> tuple[tuple[Lane, ...], dict[int, int]]:
    """The lanes of a run, and the lane of each attempt that was begun."""
    of, phases = trace.attempts, graph.extents
    begun: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, place in enumerate(graph.places):
        worker = WAITS if graph.tasks[at] in graph.waiting else of.worker_id[place]
        if worker is not None and of.started[place] is not None:
            begun[of.host[place] or "", worker].append(at)
    lanes: list[Lane] = []
    lane_of: dict[int, int] = {}
    for host, worker in sorted(begun, key=lambda name: (name[1] == WAITS, natural(name))):
        attempts = begun[host, worker]
        slots = _slots(attempts, phases.started, phases.finished)
        pid = of.pid[graph.places[attempts[-1]]]
        first = len(lanes)
        lanes += [Lane(worker, host, pid, slot) for slot in range(max(slots.values()) + 1)]
        lane_of |= {at: first + slot for at, slot in slots.items()}
    return tuple(lanes), lane_of


def _slots(attempts: Sequence[int], begins: Sequence[float], ends: Sequence[float]) -> dict[int, int]:
    """Attempts side by side, in as few slots as possible: none overlaps another in the same one."""
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    slots: dict[int, int] = {}
    for at in sorted(attempts, key=lambda at: (begins[at], ends[at])):
        while busy and busy[0][0] <= begins[at]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        slot = heapq.heappop(free) if free else len(busy)
        slots[at] = slot
        heapq.heappush(busy, (ends[at], slot))
    return slots
