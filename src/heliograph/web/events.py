"""``POST /event/send_event/{workflow_id}``: see `heliograph.web`."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from typing import Any, Final, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from heliograph import workflow
from heliograph.web import asking
from heliograph.web.answers import error
from heliograph.web.bodies import read_body
from heliograph.web.site import site_of
from heliograph.web.storage import open_storage

_NAMES: Final = ("event_key", "event_payload")


async def send(request: Request) -> Response:
    """Take an event in, and answer once it is checkpointed."""
    site = site_of(request)
    if site.read_only:
        return error(403, "this server is read-only")
    try:
        given = _given(await read_body(request, site.max_body))
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    try:
        # In a thread: the first one opens the storage.
        sent = await asyncio.to_thread(_sent, request, given)
    except workflow.StorageError as failure:
        return error(500, str(failure))
    except (TypeError, ValueError) as wrong:
        return error(400, str(wrong))
    sending = asyncio.wrap_future(sent)
    leaving = asyncio.create_task(_left(request))
    try:
        both: list[asyncio.Future[Any]] = [sending, leaving]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            return Response(status_code=400)  # nobody reads it; the event stays sent
        return JSONResponse({"status": sending.result()})
    except (workflow.WorkflowNotFoundError, workflow.EventNotAwaitedError) as refusal:
        return error(404, str(refusal))
    except workflow.StorageError as failure:
        return error(500, str(failure))
    except ValueError as wrong:
        return error(422, str(wrong))
    finally:
        sending.cancel()
        leaving.cancel()


def _sent(request: Request, given: dict[str, Any]) -> Future[str]:
    keep = asking.flag(request, "keep")
    open_storage(site_of(request).storage)
    return workflow.send_event_async(
        request.path_params["workflow_id"],
        given["event_key"],
        given["event_payload"],
        keep=keep,
        idempotency_key=request.headers.get("idempotency-key"),
    )


def _given(body: bytes) -> dict[str, Any]:
    given = _parsed(body)
    if not isinstance(given, dict):
        raise HTTPException(400, f"the body must be a JSON object with {' and '.join(_NAMES)}")
    if missing := [name for name in _NAMES if name not in given]:
        raise HTTPException(400, f"the body lacks {' and '.join(missing)}")
    return given


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise HTTPException(400, "the body is nested too deeply") from None
    except ValueError as wrong:  # UnicodeDecodeError is one too
        raise HTTPException(400, f"the body is not JSON: {wrong}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


async def _left(request: Request) -> None:
    """Wait until the sender is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
