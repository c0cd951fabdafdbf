"""A task: its attempts, what it said, and what it took and gave, by reference: no value is unpickled here."""

from __future__ import annotations

import math
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking, charts, rendering

_LINES: Final = 500
_NEIGHBOURS: Final = 50
_POINTS: Final = 5000
_PHASES: Final = ("wait", "backoff", "queue", "load", "compute", "store")


def show(request: Request) -> Response:
    """The page."""
    workflow_id, task_id = asking.needed(request, "id"), asking.needed(request, "task")
    after = asking.number(request, "after")
    with asking.wrong_is_400():
        task = workflow.get_metadata(workflow_id, name=task_id)
    lines = workflow.get_logs(workflow_id, task_id, limit=_LINES, after=after)
    points = workflow.get_metrics(workflow_id, task_id, limit=_POINTS)
    return rendering.page(
        request,
        "task.html",
        id=workflow_id,
        task=task,
        attempts=[(attempt, _bar(attempt)) for attempt in reversed(task["attempts"])],
        downstream=workflow.get_downstream(workflow_id, task_id, _NEIGHBOURS),
        most=_NEIGHBOURS,
        lines=lines,
        more_lines=lines[-1]["number"] if len(lines) == _LINES else None,
        metrics=_plots(points),
        cut=len(points) == _POINTS,
    )


def _bar(attempt: dict[str, Any]) -> list[charts.Span]:
    """Where its time went, from when it could begin."""
    spent = attempt["durations"]
    return charts.bar({name: spent[name] for name in _PHASES[1:] if name in spent})


def _plots(points: list[dict[str, Any]]) -> list[tuple[str, int, charts.Line | None]]:
    """Each metric with how many values it has, and those that are finite drawn; None: none is."""
    values: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        value = math.nan if point["value"] is None else point["value"]
        values.setdefault(point["key"], []).append((point.get("step", point["time"]), value))
    return [
        (key, len(known), charts.line([value for _, value in known], [at for at, _ in known]))
        for key, known in values.items()
    ]
