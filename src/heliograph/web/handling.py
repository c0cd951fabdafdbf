"""How a request is answered: in a thread, with the storage open; what takes long, only two at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import rendering
from heliograph.web.answers import error
from heliograph.web.apart import Job
from heliograph.web.site import site_of
from heliograph.web.storage import open_storage

Handler = Callable[[Request], Response]

_MACHINES: Final = ("/api/", "/data/", "/event/", "/metrics")
_WORKFLOWS: Final = ("id", "a", "b")
"""Parameters that name a workflow."""
LARGE: Final = 20_000
"""Tasks of a workflow that is read apart."""
_HEAVY: Final = ThreadPoolExecutor(2, thread_name_prefix="heliograph-heavy")
"""For what reads all of a workflow: of 100,000 tasks that takes memory, so few do it at once."""


def reading(handler: Handler, *, heavy: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint of a function that reads the storage.

    Args:
        handler: it; it may wait.
        heavy: it reads all of a workflow.
    """

    def run(request: Request) -> Response:
        open_storage(site_of(request).storage)
        return handler(request)

    async def endpoint(request: Request) -> Response:
        if heavy:
            apart = site_of(request).apart
            job = None if apart is None else await asyncio.to_thread(_large, request)
            if apart is not None and job is not None:
                return await apart.answer(job)
            return await asyncio.get_running_loop().run_in_executor(_HEAVY, run, request)
        return await asyncio.to_thread(run, request)

    return endpoint


def _large(request: Request) -> Job | None:
    """The request as a job to be done apart, if a workflow that it asks for is very large.

    Not where the storage is whichever one this process has open: only here can that be asked.
    """
    site = site_of(request)
    open_storage(site.storage)
    if site.storage is None:
        return None
    tasks = 0
    for name in _WORKFLOWS:
        if name in request.query_params:
            # That it can't be, or isn't there, is said by who answers.
            with contextlib.suppress(workflow.WorkflowNotFoundError, TypeError, ValueError):
                tasks += workflow.get_metadata(request.query_params[name])["progress"]["total"]
    if tasks < LARGE:
        return None
    base = request.scope.get("root_path", "")
    return Job(
        str(site.storage),
        site.read_only,
        site.csrf,
        base,
        request.url.path.removeprefix(base),
        request.url.query,
        request.headers.get("accept", ""),
    )


async def refused(request: Request, raised: Exception) -> Response:
    """The answer to a request that can't be answered: for people a page, for programs JSON."""
    status, message, headers = _told(raised)
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    if path.startswith(_MACHINES) or "text/html" not in request.headers.get("accept", ""):
        where = (
            {"at": raised.at} if isinstance(raised, workflow.SearchError) and raised.at is not None else {}
        )
        return error(status, message, headers, **where)
    asked_for = (
        request.query_params.get("id", "")[:200] if isinstance(raised, workflow.WorkflowNotFoundError) else ""
    )
    answer = rendering.page(request, "error.html", status, code=status, message=message, asked_for=asked_for)
    answer.headers.update(headers or {})
    return answer


def _told(raised: Exception) -> tuple[int, str, dict[str, str] | None]:
    match raised:
        case HTTPException():
            return raised.status_code, raised.detail, dict(raised.headers or {})
        case workflow.WorkflowNotFoundError():
            return 404, str(raised), None
        case workflow.SearchError():
            return 400, str(raised), None
        case workflow.StorageError():
            return 503, str(raised), None
        case _:
            return 500, "heliograph failed; its log says how", None
