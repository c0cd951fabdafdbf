"""What the timeline's canvas draws: columns, as small as they can be for 100,000 attempts."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking
from heliograph.web.answers import answer


def data(request: Request) -> Response:
    """Times are milliseconds from the run's beginning; names stand once."""
    with asking.wrong_is_400():
        drawn = workflow.timeline(asking.needed(request, "id"), asking.number(request, "run"))
    functions: dict[str, int] = {}
    statuses: dict[str, int] = {}
    rows: list[tuple[Any, ...]] = [
        (
            bar.task_id,
            bar.attempt,
            functions.setdefault(bar.function, len(functions)),
            statuses.setdefault(bar.status, len(statuses)),
            -1 if bar.lane is None else bar.lane,
            *(
                round(1000 * (moment - drawn.begin), 2)
                for moment in (bar.ready, bar.started, bar.loaded, bar.finished, bar.stored)
            ),
            int(bar.critical),
        )
        for bar in drawn.bars
    ]
    names = ("task", "attempt", "function", "status", "lane")
    phases = ("ready", "started", "loaded", "finished", "stored", "critical")
    columns = zip(*rows, strict=True) if rows else ((),) * (len(names) + len(phases))
    return answer(
        {
            "wall": 1000 * (drawn.end - drawn.begin),
            "lanes": [lane.name for lane in drawn.lanes],
            "functions": list(functions),
            "statuses": list(statuses),
            **{name: list(column) for name, column in zip((*names, *phases), columns, strict=True)},
        }
    )
