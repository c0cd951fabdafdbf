"""``POST /event/send_event/{workflow_id}``: see `heliograph.web`."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import Future
from typing import Any, Final, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from heliograph import workflow
from heliograph.web.answers import error

_NAMES: Final = ("event_key", "event_payload")
_READ_ON: Final = 8
"""A body up to so many times too large is read and dropped: few senders look at an answer before they end."""
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Events:
    """Receives events.

    Args:
        storage: where to; None: the storage this process has open, else the default one.
        max_body: the largest body that is read, in bytes.
    """

    def __init__(self, storage: str | os.PathLike[str] | None, max_body: int) -> None:
        self._storage = storage
        self._max_body = max_body

    async def send(self, request: Request) -> Response:
        """Take an event in, and answer once it is checkpointed."""
        try:
            given = _given(await self._body(request))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        try:
            # In a thread: the first one opens the storage.
            sent = await asyncio.to_thread(self._sent, request, given)
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

    def _sent(self, request: Request, given: dict[str, Any]) -> Future[str]:
        keep = _keep(request)
        if self._storage is not None:  # it is open already, but in a child that was forked since
            try:
                workflow.init(storage=self._storage)
            except ValueError as error:  # no fault of who sends
                raise workflow.StorageError(
                    f"the program has opened another storage since: {error}"
                ) from error
        return workflow.send_event_async(
            request.path_params["workflow_id"],
            given["event_key"],
            given["event_payload"],
            keep=keep,
            idempotency_key=request.headers.get("idempotency-key"),
        )

    async def _body(self, request: Request) -> bytes:
        """The body; no more of it is kept than may be, whatever the headers say of its length."""
        length, body = 0, bytearray()
        most_read = _READ_ON * self._max_body
        if _declared(request) <= most_read:
            async for chunk in request.stream():
                length += len(chunk)
                if length <= self._max_body:
                    body += chunk
                elif length > most_read:
                    break
            if length <= self._max_body:
                return bytes(body)
        # What is left of the body is not read, so nothing can come after it.
        raise HTTPException(
            413, f"the body is larger than {self._max_body} bytes", headers={"Connection": "close"}
        )


def _declared(request: Request) -> int:
    """The length that the headers give; 0: none that makes sense."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


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


def _keep(request: Request) -> bool:
    given = request.query_params.get("keep", "false")
    keep = _BOOLEANS.get(given.lower())
    if keep is None:
        raise ValueError(f"keep must be true or false, not {given!r}")
    return keep


async def _left(request: Request) -> None:
    """Wait until the sender is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
