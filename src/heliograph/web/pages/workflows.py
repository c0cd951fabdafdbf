"""The list of workflows: searched, counted, chosen from. The address holds the whole view."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking, charts, rendering
from heliograph.web.completing import completions
from heliograph.web.live import mark
from heliograph.web.site import site_of
from heliograph.web.writing import literal, metadata_field

PAGE: Final = 50
_FACETS: Final = ("status", "name")
_MOST_KEYS: Final = 4
_MOST_VALUES: Final = 8
_PARTS: Final = 60
_MOST_COLUMNS: Final = 12
_USUAL: Final = ("tasks", "stats.start_time", "duration", "runs")
_COLUMNS: Final = (*_USUAL, "stats.end_time", "name", "engine", "parent", "error.type")
_NO_COLUMN: Final = "-"
"""Says that there is none to be shown, where an address has to say something."""
_TOO_DIFFERENT: Final = 0.6
"""A key of which so large a part of the values are seen but once can't narrow anything down."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown.

    Attributes:
        q: the search.
        order: a field, with ``-`` before it the largest first.
        after: where the page begins.
        limit: how many.
        col: fields shown as columns, besides status and id.
    """

    q: str | None
    order: str | None
    after: str | None
    limit: int
    col: tuple[str, ...]

    def address(self, **other: Any) -> dict[str, Any]:
        """The parameters of this view, some of them other ones; another question begins at the start."""
        now = {
            "q": self.q,
            "order": self.order,
            "limit": None if self.limit == PAGE else self.limit,
            "col": () if self.col == _USUAL else self.col or (_NO_COLUMN,),
        }
        return now | other

    def toggled(self, field: str) -> tuple[str, ...]:
        """The columns with one more, or without that one, as an address has them."""
        col = tuple(one for one in self.col if one != field) if field in self.col else (*self.col, field)
        return col or (_NO_COLUMN,)


def show(request: Request) -> Response:
    """The list."""
    view = _view(request)
    try:
        found, wrong = _found(view), None
    except workflow.SearchError as error:
        found, wrong = {"found": [], "truncated": False}, error
    rows = found["found"]
    keys = _keys(rows)
    return rendering.page(
        request,
        "workflows.html",
        400 if wrong else 200,
        view=view,
        rows=rows,
        damaged=found.get("damaged", ()),
        after=found.get("after"),
        wrong=wrong,
        keys=keys,
        telling=_telling(rows, keys),
        known_columns=_COLUMNS,
        seen=mark(found),
        plain=rendering.plain,
        completions=completions(rows, tasks=False),
    )


def facets(request: Request) -> Response:
    """What those that were found have in common, with counts: a part of the list, loaded behind it."""
    view = _view(request)
    keys = [key for key in request.query_params.getlist("key") if len(key) < asking.LONGEST][:_MOST_KEYS]
    groups = []
    for field in (*_FACETS, *(metadata_field(key) for key in keys)):
        try:
            counted = workflow.summarize(field, where=view.q)
        except workflow.StorageCorruptError:
            continue  # the list names what is damaged
        values = [
            (
                group["by"][field],
                group["count"],
                _narrowed(view, f"{field} = {literal(group['by'][field])}"),
            )
            for group in counted[:_MOST_VALUES]
            if isinstance(group["by"][field], str | int | float)
        ]
        if values:
            groups.append((field, values))
    return rendering.page(request, "facets.html", groups=groups)


def activity(request: Request) -> Response:
    """How many were submitted when, and how many of them failed: a part of the list, loaded behind it."""
    view = _view(request)
    parts = workflow.over_time(view.q, _PARTS)
    drawn = charts.columns([(part["count"], part["failed"]) for part in parts])
    return rendering.page(
        request,
        "activity.html",
        parts=[
            (column, part, _narrowed(view, _span(part["begin"], part["end"])))
            for column, part in zip(drawn, parts, strict=True)
        ],
        begin=parts[0]["begin"] if parts else None,
        end=parts[-1]["end"] if parts else None,
        most=max((part["count"] for part in parts), default=0),
        failed=sum(part["failed"] for part in parts),
        total=sum(part["count"] for part in parts),
    )


def live(request: Request) -> Response:
    """Says when the list that is shown has changed."""
    view = _view(request)
    return site_of(request).live.stream(request, f"workflows {view!r}", lambda: mark(_found(view)))


def _view(request: Request) -> View:
    return View(
        (asking.text(request, "q") or "").strip() or None,
        asking.text(request, "order"),
        asking.text(request, "after"),
        asking.limit(request, PAGE),
        _columns([one[:200] for one in request.query_params.getlist("col") if one]),
    )


def _columns(given: list[str]) -> tuple[str, ...]:
    return (
        tuple(dict.fromkeys(one for one in given if one != _NO_COLUMN))[:_MOST_COLUMNS] if given else _USUAL
    )


def _found(view: View) -> dict[str, Any]:
    with asking.wrong_is_400():
        return workflow.search(view.q, view.order, view.limit, view.after)


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys of the metadata that are seen most."""
    counts: dict[str, int] = {}
    for row in rows:
        for key in row["user_metadata"]:
            counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))[:12]


def _telling(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    """Of these keys, those whose values come back: a number of each ticket narrows nothing down."""
    telling = []
    for key in keys:
        values = [json.dumps(row["user_metadata"][key]) for row in rows if key in row["user_metadata"]]
        once = sum(count == 1 for count in Counter(values).values())
        if len(values) < 3 or once < _TOO_DIFFERENT * len(values):
            telling.append(key)
    return telling[:_MOST_KEYS]


def _span(begin: float, end: float) -> str:
    # Cut off to the millisecond: the end of one is the beginning of the next, and the last has its own in it.
    ends = (begin, end + 0.001)
    since, until = (datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds") for at in ends)
    return f'created_time >= "{since}" and created_time < "{until}"'


def _narrowed(view: View, more: str) -> dict[str, Any]:
    if view.q is None:
        return view.address(q=more)
    is_one = re.search(r"\bor\b", view.q, re.IGNORECASE) is None
    return view.address(q=f"{view.q} and {more}" if is_one else f"({view.q}) and {more}")
