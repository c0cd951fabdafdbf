"""Who worked when: the workers of a run, how busy they were, and how many tasks ran at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import sub

from heliograph.insight.causes import Causes
from heliograph.insight.extent import picked
from heliograph.insight.named import Named
from heliograph.records.trace import Trace

BUCKETS = 60
"""Into how many parts of equal length the time is divided."""


@dataclass(frozen=True, slots=True)
class WorkerUse(Named):
    """What one worker did in a run.

    Attributes:
        worker_id: the engine's name for the worker.
        host: the name of its machine.
        attempts: the number of attempts that it ran.
        busy: seconds in which it ran at least one attempt.
        share: the same as a share of the run's wall time, 0 to 1.
    """

    worker_id: str
    host: str
    attempts: int
    busy: float
    share: float


@dataclass(frozen=True, slots=True)
class Parallelism(Named):
    """How many attempts ran at once.

    Attributes:
        peak: the largest number at any time.
        mean: the mean over the run's wall time.
        bucket: the seconds that each number in `over_time` stands for.
        over_time: the mean in each bucket of the run.
    """

    peak: int
    mean: float
    bucket: float
    over_time: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Busy:
    """The attempts of a run that a worker had, as indexes: sorted once, for all who ask.

    Attributes:
        attempts: as they are ordered in the run.
        by_end: by when they were finished.
        by_begin: by when they were started; of those started at once, the first that was finished first.
    """

    attempts: Sequence[int]
    by_end: Sequence[int]
    by_begin: Sequence[int]


def busy(trace: Trace, causes: Causes) -> Busy:
    """The attempts that a worker had.

    Args:
        trace: the workflow.
        causes: the run.
    """
    started = picked(trace.attempts.started, causes.places)
    attempts = [
        at
        for at, (begin, task) in enumerate(zip(started, causes.tasks, strict=True))
        if begin is not None and task not in causes.waiting
    ]
    by_end = sorted(attempts, key=causes.extents.finished.__getitem__)
    return Busy(attempts, by_end, sorted(by_end, key=causes.extents.started.__getitem__))


def worker_use(trace: Trace, causes: Causes, had: Busy) -> tuple[WorkerUse, ...]:
    """What each worker did; those that did nothing are not known.

    Args:
        trace: the workflow.
        causes: the run.
        had: its attempts that a worker had.
    """
    of, wall = _by_worker(trace, causes, had), causes.end - causes.begin
    return tuple(
        WorkerUse(
            worker, host, len(mine), seconds := _covered(causes, mine), seconds / wall if wall > 0 else 0.0
        )
        for (host, worker), mine in sorted(of.items(), key=lambda item: natural(item[0]))
    )


def _by_worker(trace: Trace, causes: Causes, had: Busy) -> dict[tuple[str, str], list[int]]:
    """What each worker had, by host and name, ordered by when it was started."""
    of: dict[tuple[str, str], list[int]] = defaultdict(list)
    workers = picked(trace.attempts.worker_id, causes.places)
    hosts = picked(trace.attempts.host, causes.places)
    for at in had.by_begin:
        if (worker := workers[at]) is not None:
            of[hosts[at] or "", worker].append(at)
    return of


def occupied(trace: Trace, causes: Causes, had: Busy, spans: Sequence[tuple[float, float]]) -> float:
    """How much of some time the workers of a run had an attempt of it, 0 to 1, on average over them.

    A worker has an attempt until its output is pickled.

    Args:
        trace: the workflow.
        causes: the run.
        had: its attempts that a worker had.
        spans: the time, from when to when; none begins before the one before it ends.
    """
    whole, of = sum(until - since for since, until in spans), _by_worker(trace, causes, had)
    if whole <= 0 or not of:
        return 0.0
    begins, ends = causes.extents.started, list(causes.extents.finished)
    for at, pickled in enumerate(picked(trace.attempts.serialised, causes.places)):
        if pickled is not None and pickled > ends[at]:
            ends[at] = pickled
    shared = sum(_shared(((begins[at], ends[at]) for at in mine), spans) for mine in of.values())
    return shared / (whole * len(of))


def _shared(times: Iterable[tuple[float, float]], spans: Sequence[tuple[float, float]]) -> float:
    """Seconds of spans in which at least one of some times was.

    >>> _shared([(0.0, 2.0), (1.0, 4.0), (6.0, 9.0)], [(1.0, 3.0), (5.0, 7.0)])
    3.0
    """
    shared, covered, place = 0.0, float("-inf"), 0
    for begin, end in times:  # ordered by when they begin
        begin, covered = max(begin, covered), max(end, covered)
        while place < len(spans) and spans[place][1] <= begin:
            place += 1
        at = place
        while at < len(spans) and spans[at][0] < end:
            shared += max(min(end, spans[at][1]) - max(begin, spans[at][0]), 0.0)
            at += 1
    return shared


def _covered(causes: Causes, attempts: Sequence[int]) -> float:
    """Seconds in which at least one of the attempts ran; they are ordered by when they were started."""
    begins, ends = causes.extents.started, causes.extents.finished
    covered, until = 0.0, float("-inf")
    for at in attempts:
        begin, end = begins[at], ends[at]
        if end > until:
            covered += end - (begin if begin > until else until)
            until = end
    return covered


def natural(name: tuple[str, str]) -> tuple[str, str, int]:
    """What workers are ordered by, each with its host before it: process-2 comes before process-10."""
    host, worker = name
    stem = worker.rstrip("0123456789")
    number = worker[len(stem) :]
    return host, stem, int(number) if number else 0


def parallelism(causes: Causes, had: Busy) -> Parallelism:
    """How many attempts ran at once, over time.

    Args:
        causes: the run.
        had: its attempts that a worker had.
    """
    wall = causes.end - causes.begin
    if wall <= 0 or not had.attempts:
        return Parallelism(0, 0.0, 0.0, ())
    begins = picked(causes.extents.started, had.attempts)
    ends = picked(causes.extents.finished, had.attempts)
    over_time = _over_time(zip(begins, ends, repeat(1.0)), causes.begin, causes.end)
    mean = sum(map(sub, ends, begins)) / wall
    return Parallelism(_peak(causes, had), mean, wall / BUCKETS, over_time)


def memory_over_time(trace: Trace, causes: Causes) -> tuple[float, ...]:
    """Bytes that the attempts running at once took: of each its peak, for as long as it ran.

    Args:
        trace: the workflow.
        causes: the run.

    Returns:
        The mean in each part of the run; nothing where no attempt's memory is known.
    """
    of, phases = trace.attempts, causes.extents
    known, begun = picked(of.peak_rss, causes.places), picked(of.started, causes.places)
    spans = [
        (phases.started[at], phases.finished[at], float(memory))
        for at, memory in enumerate(known)
        if memory is not None and begun[at] is not None
    ]
    return _over_time(spans, causes.begin, causes.end) if spans else ()


def _over_time(spans: Iterable[tuple[float, float, float]], start: float, stop: float) -> tuple[float, ...]:
    """The weights of spans (from, to, weight) added up, on average over each part of the time."""
    width, last = (stop - start) / BUCKETS, BUCKETS - 1
    if width <= 0:
        return ()
    # What a span covers of its first and last bucket is counted there; of those between, by difference.
    part, change = [0.0] * BUCKETS, [0.0] * (BUCKETS + 1)
    for begin, end, weight in spans:
        first, final = int((begin - start) / width), int((end - start) / width)
        if final > last:  # the end itself belongs to the last one
            first, final = first if first < last else last, last
        if first == final:
            part[first] += weight * (end - begin)
            continue
        part[first] += weight * (start + (first + 1) * width - begin)
        part[final] += weight * (end - (start + final * width))
        change[first + 1] += weight
        change[final] -= weight
    over_time, full = [], 0.0
    for bucket in range(BUCKETS):
        full += change[bucket]
        over_time.append(full + part[bucket] / width)
    return tuple(over_time)


def _peak(causes: Causes, had: Busy) -> int:
    begins, ends = causes.extents.started, causes.extents.finished
    peak = over = 0
    for running, at in enumerate(had.by_begin, 1):
        begin = begins[at]
        while over < running - 1 and ends[had.by_end[over]] <= begin:
            over += 1
        if running - over > peak:
            peak = running - over
    return peak
