"""One function over time: how long it took in each workflow, its memory, its failures, what got worse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.insight.trend import Change, FunctionRun, Trend
from heliograph.web import asking, charts, rendering

Spread = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a function over time.

    Attributes:
        marks: one a workflow; None: nothing is known of it.
        top: what the top of the drawing stands for.
        change: what got worse, or better.
        since: where that begins, from the left.
    """

    marks: list[charts.Mark | None]
    top: float
    change: Change | None
    since: float | None


def show(request: Request) -> Response:
    """The page."""
    with asking.wrong_is_400():
        trend = workflow.trend(asking.needed(request, "name"))
    return rendering.page(
        request,
        "function.html",
        trend=trend,
        compute=_drawn(trend, _compute, trend.compute),
        memory=_drawn(trend, _memory, trend.memory),
    )


def _compute(run: FunctionRun) -> Spread | None:
    if run.compute_p50 is None or run.compute_p90 is None or run.compute_max is None:
        return None
    return run.compute_p50, run.compute_p90, run.compute_max


def _memory(run: FunctionRun) -> Spread | None:
    if run.memory_p50 is None or run.memory_max is None:
        return None
    return run.memory_p50, run.memory_p50, run.memory_max


def _drawn(
    trend: Trend, spread: Callable[[FunctionRun], Spread | None], change: Change | None
) -> Drawing | None:
    values = [spread(run) for run in trend.runs]
    if not any(values):
        return None
    marks, top = charts.marks(values)
    ids = [run.workflow_id for run in trend.runs]
    since = None
    if change is not None:
        since = 2 * charts.WIDTH * ids.index(change.since) / len(ids)
    return Drawing(marks, top, change, since)
