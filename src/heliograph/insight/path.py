"""The links of the critical path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.insight.causes import Causes
from heliograph.insight.extent import Parts, dotted_names
from heliograph.insight.named import Named
from heliograph.records.status import AttemptStatus
from heliograph.records.trace import Trace


@dataclass(frozen=True, slots=True)
class Link(Named):
    """An attempt on the critical path, from the end of what it had waited for to its own end.

    Attributes:
        task_id: the task.
        function: the dotted name of the task's function.
        attempt: the number of the attempt.
        status: how the attempt ended.
        worker_id: the worker that ran it.
        begin: the end of the link before it (of the first one: the begin of the run), in Unix seconds.
        end: when it ended, in Unix seconds.
        parts: where the time in between went.
    """

    task_id: str
    function: str
    attempt: int
    status: AttemptStatus
    worker_id: str | None
    begin: float
    end: float
    parts: Parts


def links(trace: Trace, graph: Causes, path: Sequence[int]) -> tuple[Link, ...]:
    """The critical path as links that follow each other without a gap.

    Args:
        trace: the workflow.
        graph: the run.
        path: indexes of the attempts on the path.
    """
    names, of, tasks = dotted_names(trace), trace.attempts, trace.tasks
    return tuple(
        Link(
            tasks.task_id[of.task[place]],
            names[tasks.function[of.task[place]]],
            of.attempt[place],
            of.status[place],
            of.worker_id[place],
            graph.released[at],
            graph.ended[at],
            _parts(graph, at, of.backoff[place], of.task[place] in graph.waiting),
        )
        for at, place in ((at, graph.places[at]) for at in path)
    )


def _parts(graph: Causes, at: int, backoff: float, only_waits: bool) -> Parts:
    begin, end, phases = graph.released[at], graph.ended[at], graph.extents
    # Clocks of several machines: a phase that ended before the link began took none of its time.
    ready, started, loaded, finished = (
        min(max(moment, begin), end)
        for moment in (phases.ready[at], phases.started[at], phases.loaded[at], phases.finished[at])
    )
    backoff = min(backoff, ready - begin)
    wait, compute = ready - begin - backoff, finished - loaded
    if only_waits:  # what others compute
        wait, compute = wait + compute, 0.0
    return Parts(wait, backoff, started - ready, loaded - started, compute, end - finished)
