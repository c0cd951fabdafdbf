"""The list of workflows: searched, counted, chosen from. The address holds the whole view."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking, rendering
from heliograph.web.live import mark
from heliograph.web.site import open_storage, site_of

PAGE: Final = 50
_FACETS: Final = ("status", "name")
_MOST_KEYS: Final = 4
_MOST_VALUES: Final = 8
_MOST_COLUMNS: Final = 8
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS: Final = frozenset({"and", "or", "not", "in", "exists", "contains", "prefix", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class View:
    """What is shown.

    Attributes:
        q: the search.
        order: a field, with ``-`` before it the largest first.
        after: where the page begins.
        limit: how many.
        col: fields shown as columns, besides those that always are.
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
            "col": self.col,
        }
        return now | other


def show(request: Request) -> Response:
    """The list."""
    view = _view(request)
    try:
        found, wrong = _found(view), None
    except workflow.SearchError as error:
        found, wrong = {"found": [], "truncated": False}, error
    rows = found["found"]
    return rendering.page(
        request,
        "workflows.html",
        400 if wrong else 200,
        view=view,
        rows=rows,
        after=found.get("after"),
        wrong=wrong,
        keys=_keys(rows),
        seen=mark(found),
        plain=rendering.plain,
        fields=workflow.search_fields(),
    )


def facets(request: Request) -> Response:
    """What those that were found have in common, with counts: a part of the list, loaded behind it."""
    view = _view(request)
    keys = [key for key in request.query_params.getlist("key") if len(key) < asking.LONGEST][:_MOST_KEYS]
    groups = []
    for field in (*_FACETS, *(metadata_field(key) for key in keys)):
        values = [
            (group["by"][field], group["count"], _narrowed(view, field, group["by"][field]))
            for group in workflow.summarize(field, where=view.q)[:_MOST_VALUES]
            if isinstance(group["by"][field], str | int | float)
        ]
        if values:
            groups.append((field, values))
    return rendering.page(request, "facets.html", groups=groups)


def live(request: Request) -> Response:
    """Says when the list that is shown has changed."""
    view, site = _view(request), site_of(request)

    def look() -> str:
        open_storage(site.storage)
        return mark(_found(view))

    seen = request.headers.get("last-event-id") or asking.text(request, "seen")
    return site.live.stream(f"workflows {view!r}", look, seen)


def metadata_field(key: str) -> str:
    r"""A key of the user metadata as searches write it.

    >>> metadata_field("team"), metadata_field('a."b"')
    ('user_metadata.team', 'user_metadata."a.\\"b\\""')
    """
    is_plain = _PLAIN.fullmatch(key) and key not in _WORDS
    return f"user_metadata.{key if is_plain else literal(key)}"


def literal(value: str | int | float | bool) -> str:
    r"""A value as searches write it.

    >>> literal('say "hi"'), literal(True), literal(2.5)
    ('"say \\"hi\\""', 'true', '2.5')
    """
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def _view(request: Request) -> View:
    return View(
        asking.text(request, "q"),
        asking.text(request, "order"),
        asking.text(request, "after"),
        asking.limit(request, PAGE),
        tuple(dict.fromkeys(one[:200] for one in request.query_params.getlist("col") if one))[:_MOST_COLUMNS],
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


def _narrowed(view: View, field: str, value: str | int | float) -> dict[str, Any]:
    more = f"{field} = {literal(value)}"
    if view.q is None:
        return view.address(q=more)
    is_one = " or " not in f" {view.q.lower()} "
    return view.address(q=f"{view.q} and {more}" if is_one else f"({view.q}) and {more}")
