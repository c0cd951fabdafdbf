"""Who worked when: the workers of a run, how busy they were, and how many tasks ran at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from heliograph.insight.causes import Causes
from heliograph.records.trace import Trace

BUCKETS = 60
"""Into how many parts of equal length parallelism over time is divided."""


@dataclass(frozen=True, slots=True)
class WorkerUse:
    """What one worker did in a run.

    Attributes:
        worker_id: the engine's name of it.
        host: where it was.
        attempts: how many it ran.
        busy: seconds in which it had at least one.
        share: of the run's wall time, 0 to 1.
    """

    worker_id: str
    host: str
    attempts: int
    busy: float
    share: float

    def to_dict(self) -> dict[str, Any]:
        """By name."""
        return {
            "worker_id": self.worker_id,
            "host": self.host,
            "attempts": self.attempts,
            "busy": self.busy,
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How many attempts ran at once.

    Attributes:
        peak: at most.
        mean: over the run's wall time.
        bucket: seconds that each of `over_time` stands for.
        over_time: the mean in each part of the run.
    """

    peak: int
    mean: float
    bucket: float
    over_time: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """By name."""
        return {
            "peak": self.peak,
            "mean": self.mean,
            "bucket": self.bucket,
            "over_time": list(self.over_time),
        }


def worker_use(trace: Trace, causes: Causes, waiting: Set[int]) -> tuple[WorkerUse, ...]:
    """What each worker did; those that did nothing are not known.

    Args:
        trace: the workflow.
        causes: the run.
        waiting: tasks that occupy no worker.
    """
    spans: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    of, phases = trace.attempts, causes.extents
    for at, place in enumerate(causes.places):
        worker = of.worker_id[place]
        if worker is not None and of.started[place] is not None and of.task[place] not in waiting:
            spans[of.host[place] or "", worker].append((phases.started[at], phases.finished[at]))
    wall = causes.end - causes.begin
    return tuple(
        WorkerUse(worker, host, len(of), busy := _covered(of), busy / wall if wall > 0 else 0.0)
        for (host, worker), of in sorted(spans.items(), key=lambda item: _natural(item[0]))
    )


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers."""
    spans.sort()
    covered, until = 0.0, float("-inf")
    for begin, end in spans:
        if end > until:
            covered += end - max(begin, until)
            until = end
    return covered


def _natural(name: tuple[str, str]) -> tuple[str, str, int]:
    """process-2 comes before process-10."""
    host, worker = name
    stem = worker.rstrip("0123456789")
    number = worker[len(stem) :]
    return host, stem, int(number) if number else 0


def parallelism(trace: Trace, causes: Causes, waiting: Set[int], buckets: int = BUCKETS) -> Parallelism:
    """How many attempts ran at once, over time.

    Args:
        trace: the workflow.
        causes: the run.
        waiting: tasks that occupy no worker.
        buckets: into how many parts the time is divided.
    """
    wall = causes.end - causes.begin
    phases, started = causes.extents, trace.attempts.started
    spans = [
        (begin, end)
        for place, task, begin, end in zip(
            causes.places, causes.tasks, phases.started, phases.finished, strict=True
        )
        if started[place] is not None and task not in waiting
    ]
    if wall <= 0 or not spans:
        return Parallelism(0, 0.0, 0.0, ())
    weighed = [(begin, end, 1.0) for begin, end in spans]
    over_time = _over_time(weighed, causes.begin, causes.end, buckets)
    mean = sum(end - begin for begin, end in spans) / wall
    return Parallelism(_peak(spans), mean, wall / buckets, over_time)


def memory_over_time(trace: Trace, causes: Causes, buckets: int = BUCKETS) -> tuple[float, ...]:
    """Bytes that the attempts running at once took: of each its peak, for as long as it ran.

    Args:
        trace: the workflow.
        causes: the run.
        buckets: into how many parts the time is divided.

    Returns:
        The mean in each part of the run; nothing where no attempt's memory is known.
    """
    of, phases = trace.attempts, causes.extents
    spans = [
        (phases.started[at], phases.finished[at], float(memory))
        for at, place in enumerate(causes.places)
        if (memory := of.peak_rss[place]) is not None and of.started[place] is not None
    ]
    return _over_time(spans, causes.begin, causes.end, buckets) if spans else ()


def _over_time(
    spans: Sequence[tuple[float, float, float]], start: float, stop: float, buckets: int
) -> tuple[float, ...]:
    """The weights of spans (from, to, weight) added up, on average over each part of the time."""
    width, last = (stop - start) / buckets, buckets - 1
    if width <= 0:
        return ()
    # What a span covers of its first and last bucket is counted there; of those between, by difference.
    part, change = [0.0] * buckets, [0.0] * (buckets + 1)
    for begin, end, weight in spans:
        first = min(int((begin - start) / width), last)
        final = min(int((end - start) / width), last)
        if first == final:
            part[first] += weight * (end - begin)
            continue
        part[first] += weight * (start + (first + 1) * width - begin)
        part[final] += weight * (end - (start + final * width))
        change[first + 1] += weight
        change[final] -= weight
    over_time, full = [], 0.0
    for bucket in range(buckets):
        full += change[bucket]
        over_time.append(full + part[bucket] / width)
    return tuple(over_time)


def _peak(spans: Sequence[tuple[float, float]]) -> int:
    begins = sorted(begin for begin, _ in spans)
    ends = sorted(end for _, end in spans)
    peak = over = 0
    for running, begin in enumerate(begins, 1):
        while over < running - 1 and ends[over] <= begin:
            over += 1
        peak = max(peak, running - over)
    return peak
