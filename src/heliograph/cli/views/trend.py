"""Functions over time, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import duration, moment, shown, size
from heliograph.cli.views.drawing import bar_width, levels, narrowed
from heliograph.cli.views.tables import Column, facts, fitted
from heliograph.insight.trend import Change, FunctionRun, Trend


def table(trends: Sequence[Trend], width: int) -> RenderableType:
    """Functions as a table.

    Args:
        trends: them; each has run.
        width: the room there is.
    """
    newest = [one.runs[-1] for one in trends]
    return fitted(
        [
            Column("FUNCTION", [shown(one.function) for one in trends], least=16, is_name=True),
            *_columns(newest),
            Column("", [_drawn(one, bar_width(width)) for one in trends]),
            Column("CHANGED", [Text(", ").join(_changes(one)) for one in trends], least=32),
        ],
        width,
        dropped_first=("P90", "ATTEMPTS", "", "FAILED", "SLOWEST", "MEMORY"),
    )


def by_workflow(trend: Trend, now: float, width: int) -> RenderableType:
    """A function in each workflow, the newest first.

    Args:
        trend: the function.
        now: the present.
        width: the room there is.
    """
    runs = trend.runs[::-1]
    changes = _changes(trend) or [Text("nothing that lasts", "dim")]
    rows = fitted(
        [
            Column("WORKFLOW", [shown(run.workflow_id) for run in runs]),
            Column("SUBMITTED", [moment(run.begin, now) for run in runs]),
            *_columns(runs),
        ],
        width,
        dropped_first=("P90", "FAILED", "ATTEMPTS", "SUBMITTED", "MEMORY", "SLOWEST"),
        whole=("WORKFLOW",),
    )
    told: list[tuple[str, Any]] = [
        ("function", Text(shown(trend.function), "bold")),
        ("changed", Text("\n").join(changes)),
    ]
    return Group(facts(told), Text(), rows)


def _columns(runs: Sequence[FunctionRun]) -> list[Column]:
    """What is known of a function in a workflow, a row each."""
    return [
        Column("MEDIAN", [duration(run.compute_p50) for run in runs], is_number=True),
        Column("P90", [duration(run.compute_p90) for run in runs], is_number=True),
        Column("SLOWEST", [duration(run.compute_max) for run in runs], is_number=True),
        Column("MEMORY", [size(_bytes(run.memory_max)) for run in runs], is_number=True),
        Column("ATTEMPTS", [str(run.attempts) for run in runs], is_number=True),
        Column(
            "FAILED", [Text(str(run.failed), "red") if run.failed else "" for run in runs], is_number=True
        ),
    ]


def _drawn(trend: Trend, width: int) -> Text:
    """How its median went, from nothing up: what hardly changes is a line."""
    medians = [run.compute_p50 for run in trend.runs if run.compute_p50 is not None]
    if len(medians) < 2 or max(medians) <= 0:
        return Text()
    return levels(narrowed(medians, width), max(medians), "green")


def _changes(trend: Trend) -> list[Text]:
    """In words: what it was, what it is, and since when."""
    compute, memory = trend.compute, trend.memory
    told = []
    if compute is not None:
        told.append(_told(compute, duration(compute.before), duration(compute.now)))
    if memory is not None:
        told.append(_told(memory, size(_bytes(memory.before)), size(_bytes(memory.now))))
    return told


def _told(change: Change, before: str, now: str) -> Text:
    return Text(f"{before} → {now} since {shown(change.since)}", "red" if change.ratio > 1 else "green")


def _bytes(amount: float | None) -> int | None:
    return None if amount is None else round(amount)
