"""Each function that tasks call: how often, how long, how much memory, how often in vain."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking, rendering
from heliograph.web.pages.workflows import literal

_BY: Final = ("function.module", "function.qualname")
_MOST: Final = 200


def show(request: Request) -> Response:
    """The page."""
    q = asking.text(request, "q")
    try:
        rows, wrong = _rows(q), None
    except workflow.SearchError as error:
        rows, wrong = [], error
    return rendering.page(request, "functions.html", 400 if wrong else 200, q=q, rows=rows, wrong=wrong)


def _rows(q: str | None) -> list[dict[str, Any]]:
    groups = workflow.summarize(_BY, ("stats.compute", "stats.peak_rss"), where=q, tasks=True)
    failed = workflow.field("status") == "FAILED"
    condition = failed & workflow.condition(q, tasks=True) if q and q.strip() else failed
    failures = {
        tuple(group["by"].values()): group["count"]
        for group in workflow.summarize(_BY, where=condition, tasks=True)
    }
    return [
        {
            "name": ".".join(part or "" for part in group["by"].values()),
            "count": group["count"],
            "failed": failures.get(tuple(group["by"].values()), 0),
            "compute": group["stats.compute"],
            "memory": group["stats.peak_rss"],
            "q": " and ".join(f"{name} = {literal(value or '')}" for name, value in group["by"].items()),
        }
        for group in groups[:_MOST]
    ]
