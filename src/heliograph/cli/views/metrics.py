"""Metrics on a terminal, a row each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from rich.console import RenderableType

from heliograph.cli import rendering
from heliograph.cli.views.drawing import bar_width, trend
from heliograph.cli.views.tables import Column, fitted


class Series(NamedTuple):
    """The values that one attempt of a task gave a metric, in order; NaN: one that was not finite."""

    task_id: str
    attempt: int
    key: str
    values: list[float]


def series_of(points: Iterable[dict[str, Any]]) -> list[Series]:
    """What `workflow.get_metrics` returns, put together; in the order of the first values."""
    found: dict[tuple[str, int, str], list[float]] = {}
    for point in points:
        value = math.nan if point["value"] is None else point["value"]
        found.setdefault((point["task_id"], point["attempt"], point["key"]), []).append(value)
    return [Series(*whose, values) for whose, values in found.items()]


def table(series: Sequence[Series], width: int, ids: bool) -> RenderableType:
    """Metrics as a table.

    Args:
        series: them.
        width: the room there is.
        ids: say of which tasks they are.
    """

    def number(title: str, of: Iterable[float]) -> Column:
        return Column(title, [f"{value:.6g}" for value in of], is_number=True)

    def of_finite(pick: Callable[[list[float]], float]) -> list[float]:
        return [pick(known) if known else math.nan for known in finite]

    values = [one.values for one in series]
    finite = [[value for value in known if math.isfinite(value)] for known in values]
    return fitted(
        [
            *([Column("TASK", [rendering.shown(one.task_id) for one in series])] if ids else []),
            Column("TRY", [str(one.attempt) if one.attempt > 1 else "" for one in series], is_number=True),
            Column("METRIC", [rendering.shown(one.key) for one in series], least=12, is_name=True),
            number("VALUES", map(len, values)),
            number("FIRST", (known[0] for known in values)),
            number("LAST", (known[-1] for known in values)),
            number("LEAST", of_finite(min)),
            number("MOST", of_finite(max)),
            Column("", [trend(known, bar_width(width)) if known else "" for known in finite]),
        ],
        width,
        dropped_first=("FIRST", "VALUES", "LEAST", "MOST", ""),
        whole=("TASK",),
    )
