"""The app put together."""

from __future__ import annotations

import os
from collections.abc import Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from heliograph import workflow
from heliograph.web.answers import error
from heliograph.web.events import Events
from heliograph.web.guard import Guard


def make(
    storage: str | os.PathLike[str] | None, max_body: int, token: str | None, hosts: Collection[str] | None
) -> Starlette:
    """See `heliograph.web.app`."""
    if max_body < 1:
        raise ValueError(f"max_body must be a positive number of bytes, not {max_body!r}")
    if token is not None and not token.strip():
        raise ValueError("the token must not be empty")
    if storage is not None:
        workflow.init(storage=storage)
    events = Events(storage, max_body)
    made = Starlette(
        routes=[Route("/event/send_event/{workflow_id}", events.send, methods=["POST"])],
        exception_handlers={HTTPException: _http_error, Exception: _any_error},
    )
    made.add_middleware(Guard, token=token, hosts=hosts)
    return made


async def _http_error(_request: Request, raised: Exception) -> Response:
    assert isinstance(raised, HTTPException)
    return error(raised.status_code, raised.detail, raised.headers)


async def _any_error(_request: Request, _raised: Exception) -> Response:
    return error(500, "heliograph failed; its log says how")
