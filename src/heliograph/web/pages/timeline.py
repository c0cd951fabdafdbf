"""What the timeline's canvas draws: columns, as small as they can be for 100,000 attempts."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking
from heliograph.web.answers import answer


def data(request: Request) -> Response:
    """Times are milliseconds from the run's beginning; names stand once."""
    with asking.wrong_is_400():
        drawn = workflow.timeline(asking.needed(request, "id"), asking.number(request, "run"))
    bars, begin = drawn.bars, drawn.begin
    functions, statuses = (tuple(dict.fromkeys(map(attrgetter(of), bars))) for of in ("function", "status"))
    return answer(
        {
            "wall": 1000 * (drawn.end - begin),
            "lanes": [lane.name for lane in drawn.lanes],
            "functions": functions,
            "statuses": statuses,
            "task": [bar.task_id for bar in bars],
            "attempt": [bar.attempt for bar in bars],
            "function": _places(functions, [bar.function for bar in bars]),
            "status": _places(statuses, [bar.status for bar in bars]),
            "lane": [-1 if bar.lane is None else bar.lane for bar in bars],
            **{
                phase: [round(1000 * (moment - begin), 2) for moment in map(attrgetter(phase), bars)]
                for phase in ("ready", "started", "loaded", "finished", "stored")
            },
            "critical": [int(bar.critical) for bar in bars],
        }
    )


def _places(known: Sequence[str], values: Sequence[str]) -> list[int]:
    """Each value as its place among those that are known."""
    place = {value: at for at, value in enumerate(known)}
    return [place[value] for value in values]
