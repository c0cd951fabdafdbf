"""The app put together."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from heliograph import workflow
from heliograph.errors import WorkflowError
from heliograph.web import actions, events, prometheus
from heliograph.web.apart import Apart
from heliograph.web.api.routes import routes as api_routes
from heliograph.web.guard import LOGIN, Guard, csrf_of
from heliograph.web.handling import reading, refused
from heliograph.web.headers import SafeHeaders
from heliograph.web.live import Live
from heliograph.web.login import Login
from heliograph.web.pages import compare, function, functions, graph, task, timeline, workflows
from heliograph.web.pages import workflow as one_workflow
from heliograph.web.site import Site

_STATIC: Final = Path(__file__).parent / "static"


def make(
    storage: str | os.PathLike[str] | None,
    max_body: int,
    token: str | None,
    hosts: Collection[str] | None,
    read_only: bool,
    csrf: str | None = None,
    *,
    apart: bool = True,
) -> Starlette:
    """See `heliograph.web.app`.

    Args:
        storage: see there.
        max_body: see there.
        token: see there.
        hosts: see there.
        read_only: see there.
        csrf: what forms carry; None: it is made of the token, or else by chance.
        apart: have what is asked of very large workflows answered in processes of their own.
    """
    if not _STATIC.is_dir():
        raise WorkflowError(
            f"the web pages can't be served: there is no folder {_STATIC}. "
            "If heliograph is in a zip file, unpack it; else install it anew"
        )
    if not isinstance(read_only, bool):  # the text "no" is true to Python
        raise TypeError(f"read_only must be True or False, not {read_only!r}")
    if max_body < 1:
        raise ValueError(f"max_body must be a positive number of bytes, not {max_body!r}")
    if token is not None and not token.strip():
        raise ValueError("the token must not be empty")
    if storage is not None:
        workflow.init(storage=storage)
    made = Starlette(
        routes=_routes(Login(token)),
        exception_handlers={
            HTTPException: refused,
            workflow.WorkflowNotFoundError: refused,
            workflow.SearchError: refused,
            workflow.StorageError: refused,
            Exception: refused,
        },
    )
    csrf = csrf or csrf_of(secrets.token_hex() if token is None else token)
    made.state.site = Site(storage, max_body, read_only, csrf, Live(storage), Apart() if apart else None)
    made.add_middleware(Guard, token=token, hosts=hosts)
    made.add_middleware(SafeHeaders)
    return made


def _routes(login: Login) -> list[BaseRoute]:
    return [
        Route("/event/send_event/{workflow_id:path}", events.send, methods=["POST"]),
        Route("/", reading(workflows.show)),
        Route("/facets", reading(workflows.facets)),
        Route("/activity", reading(workflows.activity)),
        Route("/live/workflows", reading(workflows.live)),
        Route("/workflow", reading(one_workflow.show)),
        Route("/workflow/insight", reading(one_workflow.insight, heavy=True)),
        Route("/live/workflow", reading(one_workflow.live)),
        Route("/data/timeline", reading(timeline.data, heavy=True)),
        Route("/task", reading(task.show)),
        Route("/graph", reading(graph.show)),
        Route("/data/graph", reading(graph.data, heavy=True)),
        Route("/compare", reading(compare.show, heavy=True)),
        Route("/functions", reading(functions.show)),
        Route("/functions/rows", reading(functions.rows, heavy=True)),
        Route("/function", reading(function.show, heavy=True)),
        Route("/act", actions.from_page, methods=["POST"]),
        Route(LOGIN, login.show, methods=["GET"]),
        Route(LOGIN, login.take, methods=["POST"]),
        Route("/metrics", reading(prometheus.metrics)),
        *api_routes(),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
