"""Templates made into pages. All that comes from tasks and users is escaped, wherever it stands."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import ChainableUndefined, Environment, PackageLoader, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from heliograph.insight import wording
from heliograph.insight.wording import visible
from heliograph.web.site import site_of
from heliograph.web.writing import literal

_SHORT = 12


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """An answer from a template."""
    site = site_of(request)
    text = (
        _environment()
        .get_template(template)
        .render(
            base=request.scope.get("root_path", ""),
            query=request.url.query,
            csrf=site.csrf,
            read_only=site.read_only,
            now=time.time(),
            **values,
        )
    )
    return HTMLResponse(text, status)


def _finished(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("heliograph.web", "templates"),
        autoescape=True,
        finalize=_finished,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "duration": _duration,
        "size": _size,
        "moment": _moment,
        "whole": _whole,
        "value": wording.text_of,
        "pretty": _pretty,
        "escaped_id": _escaped_id,
        "instant": _instant,
        "short": _short,
        "literal": literal,
        "kind": wording.type_name,
    }
    made.globals["url"] = _url
    return made


@pass_context
def _url(context: Context, path: str, **parameters: Any) -> str:
    """The address of a page; parameters that are None or empty are left out."""
    given = [(name, value) for name, value in parameters.items() if value not in (None, "", ())]
    query = urlencode(given, doseq=True, errors="replace")
    return f"{context['base']}{path}{'?' if query else ''}{query}"


def _escaped_id(text: str) -> str:
    """An id in a form: `visible` would change one that turns lines round."""
    return quote(text, safe="", errors="replace")


def _known(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _duration(given: Any) -> str:
    return wording.duration(given if _known(given) else None)


def _size(given: Any) -> str:
    return wording.size(int(given) if _known(given) else None)


def _whole(given: Any) -> str:
    return f"{given:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if _known(given) else wording.NOTHING


def _moment(given: Any) -> Markup:
    """A time in UTC; the script that makes it local finds it by its element."""
    if not _known(given):
        return Markup(wording.NOTHING)
    try:
        moment = datetime.fromtimestamp(given, UTC)
    except (OverflowError, ValueError, OSError):
        return Markup("{}").format(str(given))
    shown = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="milliseconds"), shown)


def _instant(given: float) -> str:
    return f"{datetime.fromtimestamp(given, UTC):%Y-%m-%d %H:%M}"


def _short(text: str) -> str:
    """The beginning of what nobody reads to its end."""
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


def _pretty(given: Any) -> str:
    return json.dumps(given, ensure_ascii=False, indent=2)


def plain(values: Any, name: str) -> Any:
    """A value by its dotted name, ``user_metadata.team``; None: it isn't there. A key may have dots itself.

    >>> plain({"stats": {"start_time": 3.5}}, "stats.start_time")
    3.5
    >>> plain({"user_metadata": {"a.b": 1}}, "user_metadata.a.b")
    1
    """
    if not isinstance(values, Mapping):
        return None
    part, dot, rest = name.partition(".")
    return plain(values.get(part), rest) if dot and name not in values else values.get(name)
