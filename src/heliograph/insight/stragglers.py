"""Tasks that took much longer than others of the same function."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import sub
from statistics import quantiles
from typing import Final

from heliograph.insight.causes import Causes
from heliograph.insight.extent import dotted_names, picked
from heliograph.insight.named import Named
from heliograph.records.status import AttemptStatus
from heliograph.records.trace import Trace

LEAST_TASKS: Final = 5
"""Of fewer nobody can say what is usual."""

FACTOR: Final = 2.0
"""A straggler took more than so many times the median."""

LEAST_SECONDS: Final = 0.01
"""It took so many seconds more, at least: by less an attempt differs that lost its CPU once."""


@dataclass(frozen=True, slots=True)
class Straggler(Named):
    """A task that took much longer than others of the same function.

    Attributes:
        task_id: the task.
        function: the dotted name of its function.
        compute: seconds that its code took.
        median: the median of these seconds over all tasks of the function.
    """

    task_id: str
    function: str
    compute: float
    median: float


def stragglers(trace: Trace, causes: Causes) -> tuple[Straggler, ...]:
    """Tasks that stand out, those first that took the most time more than usual.

    A straggler computed more than twice as long as the median of its function, by at least a hundredth of a
    second, and lies beyond the far fence of a box plot: three times the distance of the quartiles above the
    upper one.

    Args:
        trace: the workflow.
        causes: the run.
    """
    succeeded: dict[int, list[int]] = defaultdict(list)
    of, tasks, statuses = trace.tasks, causes.tasks, picked(trace.attempts.status, causes.places)
    for at, (task, status) in enumerate(zip(tasks, statuses, strict=True)):
        if status is AttemptStatus.SUCCESSFUL and task not in causes.waiting:
            succeeded[of.function[task]].append(at)
    names, computed = dotted_names(trace), list(map(sub, causes.extents.finished, causes.extents.loaded))
    found: list[Straggler] = []
    for function, mine in succeeded.items():
        if len(mine) < LEAST_TASKS:
            continue
        lower, median, upper = quantiles(picked(computed, mine), method="inclusive")
        fence = max(FACTOR * median, median + LEAST_SECONDS, upper + 3 * (upper - lower))
        found += [
            Straggler(of.task_id[tasks[at]], names[function], computed[at], median)
            for at in mine
            if computed[at] > fence
        ]
    found.sort(key=lambda straggler: straggler.median - straggler.compute)
    return tuple(found)
