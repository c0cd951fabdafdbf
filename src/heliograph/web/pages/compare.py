"""Two workflows side by side."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking, rendering

_MOST: Final = 200


def show(request: Request) -> Response:
    """The page; without two ids, the form that asks for them."""
    a, b = asking.text(request, "a"), asking.text(request, "b")
    with asking.wrong_is_400():
        found = workflow.compare(a, b) if a and b else None
    return rendering.page(request, "compare.html", a=a, b=b, found=found, most=_MOST)
