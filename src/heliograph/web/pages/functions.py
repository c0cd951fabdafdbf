"""All functions that tasks call: how each did of late, and what got worse."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.insight.trend import Trend
from heliograph.web import asking, charts, rendering

PAGE: Final = 50
LOOKED_AT: Final = 20
"""Workflows of each function: the newest that have it."""


def show(request: Request) -> Response:
    """The page; the table is loaded behind it."""
    return rendering.page(request, "functions.html", q=asking.text(request, "q"))


def rows(request: Request) -> Response:
    """The table."""
    after = asking.text(request, "after")
    named = told(asking.text(request, "q"), after, PAGE + 1)
    return rendering.page(
        request,
        "functions_rows.html",
        newest=LOOKED_AT,
        q=asking.text(request, "q"),
        after=named[PAGE - 1].function if len(named) > PAGE else None,
        rows=[(trend, _line(trend), _summary(trend)) for trend in named[:PAGE]],
    )


def told(q: str | None, after: str | None, limit: int) -> list[Trend]:
    """Functions whose names contain a text, each with how it did in its newest workflows."""
    names = [name for name in workflow.functions(10**6, after) if q is None or q.lower() in name.lower()]
    made = []
    for name in names[:limit]:
        try:
            made.append(workflow.trend(name, LOOKED_AT))
        except workflow.WorkflowNotFoundError:  # none of its tasks has run yet
            made.append(Trend(name, (), None, None))
    return made


def _line(trend: Trend) -> charts.Line | None:
    known = [run.compute_p50 for run in trend.runs if run.compute_p50 is not None]
    return charts.line(known, least=0.0) if len(known) > 1 else None


def _summary(trend: Trend) -> dict[str, Any]:
    """Of all its workflows that were looked at."""
    slowest = [run.compute_max for run in trend.runs if run.compute_max is not None]
    most = [run.memory_max for run in trend.runs if run.memory_max is not None]
    newest = trend.runs[-1] if trend.runs else None
    return {
        "attempts": sum(run.attempts for run in trend.runs),
        "failed": sum(run.failed for run in trend.runs),
        "slowest": max(slowest, default=None),
        "memory": max(most, default=None),
        "newest": newest,
    }
