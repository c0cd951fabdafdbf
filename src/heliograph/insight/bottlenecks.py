"""What a run's time went for, most of all: the greatest shares of its critical path, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.insight.causes import Causes
from heliograph.insight.named import Named
from heliograph.insight.path import Link
from heliograph.insight.stragglers import Straggler
from heliograph.insight.wording import counted, duration
from heliograph.insight.workers import Busy, occupied
from heliograph.records.status import AttemptStatus, TaskStatus
from heliograph.records.trace import Trace

MOST: Final = 3
_MAY_SUCCEED: Final = frozenset({AttemptStatus.SUCCESSFUL, AttemptStatus.RUNNING})
LEAST_SHARE: Final = 0.01
"""What took less of the wall time is no bottleneck."""
_AT_WORK: Final = 0.5
"""Code that had a CPU for less of its time waited, and workers that had less of it to do were not too few."""
_TURN: Final = 0.05
"""Seconds that code whose CPU was taken away waits for its turn, at most; sleeping code may lose it, too."""


@dataclass(frozen=True, slots=True)
class Bottleneck(Named):
    """Something that took a large share of the critical path.

    Attributes:
        kind: ``compute`` (of one function), ``queue``, ``load``, ``store``, ``backoff``, ``sleep`` (waiting
            for a time or an event), ``engine`` (until it noticed that a task could begin) or ``tail``.
        seconds: the time that it took on the critical path.
        share: the same as a share of the wall time, 0 to 1.
        function: for ``compute``: the dotted name of the function.
        saved: for ``compute``: seconds saved, had all tasks of the function been twice as fast.
        sentence: the bottleneck in words.
    """

    kind: str
    seconds: float
    share: float
    function: str | None
    saved: float | None
    sentence: str


def bottlenecks(
    trace: Trace,
    graph: Causes,
    path: Sequence[Link],
    tail: float,
    slow: Sequence[Straggler],
    at_once: int,
    workers: int,
    had: Busy,
) -> tuple[Bottleneck, ...]:
    """The greatest shares of a critical path.

    Args:
        trace: the workflow.
        graph: the run.
        path: its links.
        tail: seconds after the last link.
        slow: the stragglers.
        at_once: how many attempts ran at once, at most.
        workers: how many worked.
        had: the attempts that a worker had.
    """
    wall, indexes = graph.end - graph.begin, graph.path()
    spent: dict[tuple[str, int], float] = defaultdict(float)
    spent["tail", -1] = tail
    for at, link in zip(indexes, path, strict=True):
        number = graph.tasks[at]
        spent["sleep" if number in graph.waiting else "engine", -1] += link.parts.wait
        spent["compute", trace.tasks.function[number]] += link.parts.compute
        for kind in ("backoff", "queue", "load", "store"):
            spent[kind, -1] += getattr(link.parts, kind)
    ranked = sorted(spent.items(), key=lambda item: -item[1])[:MOST]
    found = []
    for (kind, function), seconds in ranked:
        if wall <= 0 or seconds < LEAST_SHARE * wall:
            break
        how_much = f"{duration(seconds)} ({seconds / wall:.0%} of the run)"
        if kind == "compute":
            saved = _saved(trace, graph, function)
            mine = [
                (at, link)
                for at, link in zip(indexes, path, strict=True)
                if trace.tasks.function[graph.tasks[at]] == function
            ]
            on_path = [link for _, link in mine]
            waited = _waited(trace, [graph.places[at] for at, _ in mine], seconds)
            sentence = f"{how_much} {_computing(on_path, saved, slow)}{waited}"
            found.append(Bottleneck(kind, seconds, seconds / wall, on_path[0].function, saved, sentence))
        else:
            if kind == "tail":
                words = _after(trace, graph)
            elif kind == "queue":
                share = occupied(trace, graph, had, [_queued(link) for link in path])
                words = _queueing(at_once, workers, share)
            else:
                words = _sentence(kind, path)
            sentence = f"{how_much} {words}"
            found.append(Bottleneck(kind, seconds, seconds / wall, None, None, sentence))
    return tuple(found)


def _after(trace: Trace, graph: Causes) -> str:
    """What the time behind the critical path is.

    Of a run that goes on, it may be that of a sleep, or of tasks in the queue: these have no attempt yet.
    """
    queued, over = trace.tasks.status.count(TaskStatus.READY), "the last attempt was over"
    if graph.end == trace.now:
        since = "the run began" if graph.last is None else over
        if queued:
            return f"has passed since {since}: {counted(queued, 'task')} could begin, and no worker has one."
        if TaskStatus.WAITING in trace.tasks.status:
            return f"has passed since {since}: it waits for a time, or for another attempt."
    if graph.last is None:
        return "passed, and no task had begun."
    return "passed after the last task was over."


def _saved(trace: Trace, graph: Causes, function: int) -> float:
    """Seconds saved, had all tasks of the function computed twice as fast."""
    if graph.last is None:
        return 0.0
    ended, functions = [graph.begin] * len(graph.places), trace.tasks.function
    for at in graph.order:
        released = max((ended[cause] for cause in graph.causes[at]), default=graph.begin)
        took, task = graph.ended[at] - graph.released[at], graph.tasks[at]
        if functions[task] == function and task not in graph.waiting:
            took -= graph.extents.computed(at) / 2
        ended[at] = released + max(took, 0.0)
    return max(graph.ended[graph.last] - ended[graph.last], 0.0)


def _computing(on_path: Sequence[Link], saved: float, slow: Sequence[Straggler]) -> str:
    function = on_path[0].function
    tasks = {link.task_id for link in on_path}
    where = f"in {len(tasks)} tasks" if len(tasks) > 1 else f"in task {on_path[0].task_id}"
    failed = sum(link.parts.compute for link in on_path if link.status not in _MAY_SUCCEED)
    vain = f", {duration(failed)} of it in attempts that did not succeed" if failed else ""
    sentence = (
        f"went into the code of {function}, {where}{vain}; twice as fast, it would have saved "
        f"{duration(saved)}."
    )
    worst = next((straggler for straggler in slow if straggler.task_id in tasks), None)
    if worst is None:
        return sentence
    return (
        f"{sentence} {worst.task_id} took {duration(worst.compute)}, where others of its function took "
        f"{duration(worst.median)}."
    )


def _waited(trace: Trace, places: Sequence[int], seconds: float) -> str:
    """What code of attempts did that seldom had a CPU; nothing where it had, or that is not known."""
    of = trace.attempts
    known = [used for place in places if (used := of.cpu_time[place]) is not None]
    cpu = sum(known)
    if len(known) < len(places) or cpu >= _AT_WORK * seconds:
        return ""
    taken, given = (
        sum(column[place] or 0 for place in places)
        for column in (of.involuntary_switches, of.voluntary_switches)
    )
    told = f" It had a CPU for {duration(cpu)} of that; the rest it waited"
    if taken > given and taken * _TURN >= seconds - cpu:
        shares = any(of.peak_rss[place] is None for place in places)  # its process, with other threads
        return f"{told} for one: the machine was busy{', or threads beside it were' if shares else ''}."
    return f"{told} for something else: the network, a disk, another process, a pause."


def _queued(link: Link) -> tuple[float, float]:
    """From when to when it was queued."""
    since = link.begin + link.parts.wait + link.parts.backoff
    return since, since + link.parts.queue


def _queueing(at_once: int, workers: int, occupied: float) -> str:
    if not workers:
        return "went into waiting for a worker: there was none yet."
    who, what = counted(workers, "worker"), counted(at_once, "attempt")
    if occupied * workers < _AT_WORK * min(workers, at_once):
        they, were = ("they", "were") if workers > 1 else ("it", "was")
        return (
            f"went into waiting for a worker, though {who} had tasks of this workflow for {occupied:.0%} of "
            f"that: {they} {were} starting, had other workflows, or tasks so short that to hand them out "
            "took longer."
        )
    if workers > at_once > 0:  # more of them at once would have been no use: they were not there
        return (
            f"went into waiting for a worker: at most {what} ran at once, though {who} took part; "
            "others were starting, or had been replaced."
        )
    return f"went into waiting for a worker: {who} ran at most {what} of it at once."


def _sentence(kind: str, path: Sequence[Link]) -> str:
    match kind:
        case "load":
            return "went into bringing functions and inputs to the workers."
        case "store":
            return "went into pickling and committing outputs."
        case "backoff":
            again = Counter(link.task_id for link in path if link.parts.backoff)
            task, times = again.most_common(1)[0]
            return (
                f"went into pauses between a failed attempt and the next, {times} of them of task {task}."
                if times > 1
                else f"went into a pause before task {task} was tried again."
            )
        case "sleep":
            return "went into waiting for a time or an event."
        case _:
            steps = counted(len(path), "step")
            return (
                f"passed until the engine had seen what could begin next, over {steps} of the critical path."
            )
