"""The profile of a run: its critical path, the slack of its tasks, and what would have made it faster.

The critical path is the chain of attempts that the run's end waited for: each was let go by the end of the
one before it. Its links follow each other without a gap, so their parts and the tail add up to the run's wall
time.

What would have been saved is counted in the graph of `causes`: all else takes as long as it did, and waits as
long for a worker. A run short of workers may gain more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import Any, NamedTuple

from heliograph.insight.bottlenecks import Bottleneck, bottlenecks
from heliograph.insight.causes import Causes, causes, latest_ends
from heliograph.insight.extent import PARTS, Parts, dotted_names, picked, the_run
from heliograph.insight.named import Named
from heliograph.insight.path import Link, links
from heliograph.insight.savings import ways_around
from heliograph.insight.stragglers import Straggler, stragglers
from heliograph.insight.table import Table, Tabular, table_of
from heliograph.insight.workers import Parallelism, WorkerUse, busy, memory_over_time, parallelism, worker_use
from heliograph.records.status import WorkflowStatus
from heliograph.records.trace import Trace


class TaskProfile(NamedTuple):
    """The part that a task has in the time of a run.

    Attributes:
        task_id: the task.
        function: the dotted name of its function.
        attempts: the number of its attempts in this run.
        compute: seconds that its code took, in all of these attempts.
        critical: seconds that it has on the critical path.
        slack: seconds that it could have taken longer without delaying the end of the run.
        saved: seconds that the run would have been shorter, had its code been twice as fast.
    """

    task_id: str
    function: str
    attempts: int
    compute: float
    critical: float
    slack: float
    saved: float

    def to_dict(self) -> dict[str, Any]:
        """As a dict that can be written as JSON, without what is not known."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class Profile(Named, Tabular):
    """Where the time of one run went.

    Attributes:
        workflow_id: the workflow.
        run: the number of the run.
        status: the status of the run.
        begin: when the run began, in Unix seconds.
        end: when it ended, in Unix seconds; while it goes on: the moment of the profile.
        path: the critical path, link by link.
        tail: seconds from the end of the last link to the end of the run.
        parts: the parts of all links, added up.
        tasks: the tasks that had an attempt in this run.
        stragglers: tasks that took much longer than others of the same function, the worst first.
        parallelism: how many attempts ran at once, over time.
        memory: bytes of memory of all attempts together, over time, in as many buckets. Empty: not known.
        workers: what each worker did.
        efficiency: the share of the workers' time in which they were busy, 0 to 1.
        cpu_time: CPU seconds of the run's attempts, as far as they are known. None: of none.
        bottlenecks: the three greatest bottlenecks, the greatest first.
    """

    workflow_id: str
    run: int
    status: WorkflowStatus
    begin: float
    end: float
    path: tuple[Link, ...]
    tail: float
    parts: Parts
    tasks: tuple[TaskProfile, ...]
    stragglers: tuple[Straggler, ...]
    parallelism: Parallelism
    memory: tuple[float, ...]
    workers: tuple[WorkerUse, ...]
    efficiency: float
    cpu_time: float | None
    bottlenecks: tuple[Bottleneck, ...]

    @property
    def wall(self) -> float:
        """Seconds from begin to end, which is the sum of `parts` and `tail`."""
        return self.end - self.begin

    @property
    def table(self) -> Table:
        """The tasks as a table."""
        return table_of(TaskProfile, self.tasks)

    def to_dict(self) -> dict[str, Any]:
        """As a dict that can be written as JSON, without what is not known."""
        return Named.to_dict(self) | {"wall": self.wall}


def profile(trace: Trace, run: int | None = None) -> Profile:
    """Where the time of a run went.

    Args:
        trace: the workflow.
        run: number of the run; None: the newest.

    Raises:
        ValueError: the workflow has no such run.
    """
    record = the_run(trace, run)
    graph = causes(trace, record)
    indexes = graph.path()
    path = links(trace, graph, indexes)
    tail = graph.end - (path[-1].end if path else graph.begin)
    slow = stragglers(trace, graph)
    had = busy(trace, graph)
    at_once = parallelism(graph, had)
    workers = worker_use(trace, graph, had)
    wall = graph.end - graph.begin
    used = [seconds for seconds in picked(trace.attempts.cpu_time, graph.places) if seconds is not None]
    return Profile(
        workflow_id=trace.workflow.workflow_id,
        run=record.run,
        status=record.status,
        begin=graph.begin,
        end=graph.end,
        path=path,
        tail=tail,
        parts=Parts(*(sum(getattr(link.parts, name) for link in path) for name in PARTS)),
        tasks=_tasks(trace, graph, indexes),
        stragglers=slow,
        parallelism=at_once,
        memory=memory_over_time(trace, graph),
        workers=workers,
        efficiency=sum(worker.busy for worker in workers) / (wall * len(workers))
        if wall and workers
        else 0.0,
        cpu_time=sum(used) if used else None,
        bottlenecks=bottlenecks(trace, graph, path, tail, slow, at_once.peak, len(workers), had),
    )


def _tasks(trace: Trace, graph: Causes, path: Sequence[int]) -> tuple[TaskProfile, ...]:
    latest = latest_ends(graph)
    around = dict(zip(path, ways_around(graph, path, latest), strict=True))
    critical: dict[int, float] = defaultdict(float)
    for at in path:
        critical[graph.tasks[at]] += graph.ended[at] - graph.released[at]
    length = sum(critical.values())
    names, of, phases = dotted_names(trace), trace.tasks, graph.extents
    counts = Counter(graph.tasks)  # in their order: attempts of one task follow each other
    compute = _of_tasks(counts, list(map(sub, phases.finished, phases.loaded)), sum)
    if graph.waiting:
        compute = [0.0 if task in graph.waiting else took for task, took in zip(counts, compute, strict=True)]
    spare = [late - ended if late > ended else 0.0 for late, ended in zip(latest, graph.ended, strict=True)]
    saved = [
        # Clocks of several machines: what it computed before it was let go is no part of the path.
        max(min(took / 2, critical[task], length - around.get(until - 1, length)), 0.0)
        if task in critical
        else 0.0
        for task, took, until in zip(counts, compute, accumulate(counts.values()), strict=True)
    ]
    columns = zip(
        picked(of.task_id, list(counts)),
        [names[function] for function in picked(of.function, list(counts))],
        counts.values(),
        compute,
        [critical.get(task, 0.0) for task in counts],
        _of_tasks(counts, spare, min),
        saved,
        strict=True,
    )
    return tuple(map(TaskProfile._make, columns))


def _of_tasks(
    counts: Mapping[int, int], values: Sequence[float], together: Callable[[Sequence[float]], float]
) -> Sequence[float]:
    """A value for each task, of those of its attempts."""
    if len(counts) == len(values):
        return values
    found, since = [], 0
    for count in counts.values():
        found.append(values[since] if count == 1 else together(values[since : since + count]))
        since += count
    return found
