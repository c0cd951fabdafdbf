"""From when to when: of a run, and of each phase of its attempts, made complete and orderly.

What was recorded has holes (an attempt that was killed, one that still runs) and, where several machines
took part, clocks that differ. Here no phase begins before the one before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from operator import le
from typing import Any, TypeVar

from heliograph.insight.named import Named
from heliograph.records.status import AttemptStatus, WorkflowStatus
from heliograph.records.trace import Trace
from heliograph.records.workflow import RunRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts(Named):
    """Where time went, in seconds.

    Attributes:
        wait: until the engine noticed that the task could begin; for a sleep or an event: all of its waiting.
        backoff: the pause between an attempt that failed and the next one.
        queue: waiting for a free worker.
        load: bringing the function and its inputs to the worker.
        compute: running the user's code.
        store: pickling the output and committing it.
    """

    wait: float = 0.0
    backoff: float = 0.0
    queue: float = 0.0
    load: float = 0.0
    compute: float = 0.0
    store: float = 0.0

    @property
    def total(self) -> float:
        """The sum of all parts.

        >>> Parts(queue=1.0, compute=2.5).total
        3.5
        """
        return self.wait + self.backoff + self.queue + self.load + self.compute + self.store


PARTS = tuple(field.name for field in fields(Parts))
"""Names of the parts, in the order in which they follow each other."""


@dataclass(frozen=True, slots=True)
class Extents:
    """When the phases of attempts began, in Unix seconds; one entry an attempt, none before the one above it.

    Attributes:
        ready: it could begin.
        started: a worker had it.
        loaded: the user's code began.
        finished: the user's code was done.
        stored: it was over.
    """

    ready: Sequence[float]
    started: Sequence[float]
    loaded: Sequence[float]
    finished: Sequence[float]
    stored: Sequence[float]

    def computed(self, at: int) -> float:
        """Seconds that the user's code took."""
        return self.finished[at] - self.loaded[at]


def extents(trace: Trace, places: Sequence[int], begin: float, end: float) -> Extents:
    """The phases of attempts, within a run.

    A phase that was not reached takes no time, and the one before it lasts to the end: of an attempt that was
    stopped or whose worker died, nobody knows more.

    Args:
        trace: the workflow.
        places: of the attempts among all of the workflow.
        begin: of the run.
        end: of the run.
    """
    of = trace.attempts
    columns: tuple[Sequence[Any], ...] = (of.ready, of.started, of.loaded, of.finished, of.stored)
    recorded = [picked(column, places) for column in columns]
    if _are_in_order(recorded, begin, end):  # as nearly always, on one machine
        return Extents(*recorded)
    planned = zip(recorded[0], picked(of.created, places), strict=True)
    known = [created if ready is None else ready for ready, created in planned]
    begins, ends = [begin] * len(known), [end] * len(known)
    ready = _between(begins, known, ends, begins)
    stored = _between(ready, recorded[4], ends, ends)
    started = _between(ready, recorded[1], stored, stored)
    loaded = _between(started, recorded[2], stored, started)
    finished = _between(loaded, recorded[3], stored, stored)
    return Extents(ready, started, loaded, finished, stored)


def _between(
    least: Sequence[float],
    moments: Sequence[float | None],
    most: Sequence[float],
    missing: Sequence[float],
) -> list[float]:
    """Moments, none before the least or after the most; where there is none, what stands for it.

    >>> _between([1.0] * 4, [0.0, 2.0, 4.0, None], [3.0] * 4, [3.0] * 4)
    [1.0, 2.0, 3.0, 3.0]
    """
    return [
        instead if at is None else since if at < since else until if at > until else at
        for since, at, until, instead in zip(least, moments, most, missing, strict=True)
    ]


def _are_in_order(phases: Sequence[Sequence[Any]], begin: float, end: float) -> bool:
    """Whether all attempts went through all phases, one after the other, within the run."""
    try:
        return (
            all(all(map(le, earlier, later)) for earlier, later in pairwise(phases))
            and begin <= min(phases[0], default=begin)
            and max(phases[-1], default=end) <= end
        )
    except TypeError:  # one was not reached
        return False


def picked(column: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """What a column has at some of its places, which are in order and none twice."""
    return column if len(places) == len(column) else [column[place] for place in places]


def run_extent(trace: Trace, run: RunRecord) -> tuple[float, float]:
    """From when to when a run went.

    To now, if it goes on; to the last that is known of it, if its engine is gone.
    """
    begin = run.start_time if run.start_time is not None else run.created_time
    end = run.end_time if run.end_time is not None else run.cancel_time
    if end is None and run.status is WorkflowStatus.RUNNING:
        end = trace.now
    if end is None:
        of = trace.attempts
        known = [at for at, number in enumerate(of.run) if number == run.run]
        end = max((_last_known(trace, at) for at in known), default=begin)
    return begin, max(end, begin)


def _last_known(trace: Trace, at: int) -> float:
    of = trace.attempts
    # A lost attempt was written off by a later run.
    over = None if of.status[at] is AttemptStatus.LOST else of.stored[at]
    moments = (of.created[at], of.submitted[at], of.started[at], of.finished[at], over)
    return max((moment for moment in moments if moment is not None), default=0.0)


def took(trace: Trace, place: int) -> float | None:
    """Seconds from a worker having an attempt to its being stored; None: one of the two is not known."""
    started, stored = trace.attempts.started[place], trace.attempts.stored[place]
    return None if started is None or stored is None else max(stored - started, 0.0)


def waiting_tasks(trace: Trace) -> frozenset[int]:
    """Numbers of the tasks that only wait: sleeps and events. They occupy no worker."""
    kinds = {
        options: json.loads(options).get("task_type") == "WAIT"  # few differ, and there may be 200,000
        for options in set(trace.tasks.options)
    }
    return frozenset(task for task, options in enumerate(trace.tasks.options) if kinds[options])


def the_run(trace: Trace, number: int | None) -> RunRecord:
    """A run of the workflow, by its number; None: the newest.

    Raises:
        ValueError: there is none of this number.
    """
    if number is None:
        return trace.runs[-1]
    for run in trace.runs:
        if run.run == number:
            return run
    last = trace.runs[-1].run
    known = f"it has runs 1 to {last}" if last > 1 else "its only run is 1"
    raise ValueError(f"workflow {trace.workflow.workflow_id!r} has no run {number!r}: {known}")


def dotted_names(trace: Trace) -> list[str]:
    """Module and name of each function."""
    return [f"{function.module}.{function.qualname}" for function in trace.functions]
