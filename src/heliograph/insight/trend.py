"""How a function does over time, and since when it takes longer, or more memory, than it did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from heliograph.insight.named import Named

LEAST: Final = 3
"""Fewer workflows before a change, or since, say nothing."""
LEAST_RATIO: Final = 1.3
"""A smaller change of time is none."""
LEAST_MEMORY_RATIO: Final = 1.5
"""Memory depends more on what else the worker has loaded."""
_APART: Final = 0.95
"""Of all pairs of a value before and one since, so many must differ in the same direction."""


@dataclass(frozen=True, slots=True)
class FunctionRun(Named):
    """A function in one workflow.

    Attributes:
        workflow_id: the workflow.
        begin: when the workflow was submitted, in Unix seconds.
        attempts: the number of attempts that have ended.
        failed: how many of them failed or were lost.
        compute_p50: the median of the seconds that its code took. None: no attempt succeeded.
        compute_p90: the 90th percentile of these seconds.
        compute_max: the largest of these seconds.
        memory_p50: the median of the peak memory, in bytes. None: not known.
        memory_max: the largest peak memory, in bytes.
    """

    workflow_id: str
    begin: float
    attempts: int
    failed: int
    compute_p50: float | None
    compute_p90: float | None
    compute_max: float | None
    memory_p50: float | None
    memory_max: float | None


@dataclass(frozen=True, slots=True)
class Change(Named):
    """A change of a figure that lasts since some workflow.

    Attributes:
        since: the id of the first workflow with the new figure.
        before: the median in the workflows before.
        now: the median since then.
        ratio: `now` divided by `before`; above 1, it got worse.
    """

    since: str
    before: float
    now: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Trend(Named):
    """A function over time.

    Attributes:
        function: the dotted name of the function.
        runs: its figures in each workflow, the oldest first.
        compute: since when its code takes more time, or less. None: there is no such change.
        memory: since when it takes more memory, or less. None: there is no such change.
    """

    function: str
    runs: tuple[FunctionRun, ...]
    compute: Change | None
    memory: Change | None


def function_run(
    workflow_id: str, begin: float, failed: int, compute: Sequence[float], memory: Sequence[float]
) -> FunctionRun:
    """Of what is known of a function's attempts in a workflow.

    >>> function_run("w", 0.0, 1, [3.0, 1.0, 2.0], []).compute_p90
    3.0
    """
    return FunctionRun(
        workflow_id,
        begin,
        failed + len(compute),
        failed,
        _rank(compute, 0.5),
        _rank(compute, 0.9),
        _rank(compute, 1.0),
        _rank(memory, 0.5),
        _rank(memory, 1.0),
    )


def trend(function: str, runs: Sequence[FunctionRun]) -> Trend:
    """How it went, and what changed.

    Args:
        function: its name.
        runs: the oldest first.
    """
    return Trend(
        function,
        tuple(runs),
        change([(run.workflow_id, run.compute_p50) for run in runs]),
        change([(run.workflow_id, run.memory_p50) for run in runs], LEAST_MEMORY_RATIO),
    )


def change(values: Sequence[tuple[str, float | None]], least: float = LEAST_RATIO) -> Change | None:
    """Since when values are larger, or smaller, than they were.

    The values are parted where both parts are closest to their medians. These have to lie apart, and so do
    nearly all values of the one part from those of the other: else it is chance.

    Args:
        values: by the id of what they are of, the oldest first.
        least: how many times the one median has to be the other.

    >>> change([("a", 1.0), ("b", 1.1), ("c", 0.9), ("d", 2.0), ("e", 2.2), ("f", 1.9)]).since
    'd'
    >>> change([("a", 1.0), ("b", 2.0), ("c", 0.9), ("d", 1.9), ("e", 1.1), ("f", 2.0)]) is None
    True
    """
    known = [(name, value) for name, value in values if value is not None and value > 0]
    numbers = [value for _, value in known]
    splits = range(LEAST, len(numbers) - LEAST + 1)
    if not splits:
        return None
    at = min(splits, key=lambda split: _spread(numbers[:split]) + _spread(numbers[split:]))
    earlier, later = numbers[:at], numbers[at:]
    before, now = median(earlier), median(later)
    grown = sum(new > old for old in earlier for new in later) / (len(earlier) * len(later))
    is_apart = grown >= _APART if now > before else grown <= 1 - _APART
    if max(now / before, before / now) < least or not is_apart:
        return None
    return Change(known[at][0], before, now, now / before)


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)


def _rank(values: Sequence[float], part: float) -> float | None:
    """The least value that so large a part of all is not above; as summaries have it."""
    return sorted(values)[max(math.ceil(part * len(values)) - 1, 0)] if values else None
