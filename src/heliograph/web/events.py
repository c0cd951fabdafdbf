"""``POST /event/send_event/{workflow_id}``: see `heliograph.web`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from heliograph.engines.http_sender import HTTPSender
from heliograph.errors import StorageError
from heliograph.graph.identifiers import check_identifier
from heliograph.records.event import EventState, SendOrder, SentEvent
from heliograph.storage.location import Location
from heliograph.web.answers import error

_NAMES: Final = ("event_key", "event_payload")
_READ_ON: Final = 8
"""A body up to so many times too large is read and dropped: few senders look at an answer before they end."""
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class Events:
    """Receives events.

    Args:
        location: says where the storage is, when the first request comes.
        max_body: the largest body that is read, in bytes.
    """

    def __init__(self, location: Callable[[], Location], max_body: int) -> None:
        self._location = location
        self._max_body = max_body
        self._sender: HTTPSender | None = None

    async def send(self, request: Request) -> Response:
        """Take an event in, and answer once it is checkpointed."""
        try:
            order = _order(request, await self._body(request))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        if self._sender is None:
            self._sender = HTTPSender(self._location())
        sending = asyncio.create_task(self._sender.send(order))
        leaving = asyncio.create_task(_left(request))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                return Response(status_code=400)  # nobody reads it; the event stays sent
            return _answer(sending.result())
        except StorageError as failure:
            return error(500, str(failure))
        except ValueError as refusal:
            return error(422, str(refusal))
        finally:
            sending.cancel()
            leaving.cancel()

    def close(self) -> None:
        """Close the storage."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None

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


def _order(request: Request, body: bytes) -> SendOrder:
    try:
        workflow_id = check_identifier("workflow_id", request.path_params["workflow_id"])
    except ValueError as wrong:
        raise HTTPException(404, f"there can't be such a workflow: {wrong}") from None
    given = _parsed(body)
    if not isinstance(given, dict):
        raise HTTPException(400, f"the body must be a JSON object with {' and '.join(_NAMES)}")
    if missing := [name for name in _NAMES if name not in given]:
        raise HTTPException(400, f"the body lacks {' and '.join(missing)}")
    sender_key = request.headers.get("idempotency-key")
    try:
        return SendOrder(
            workflow_id,
            check_identifier("event_key", given["event_key"]),
            # In ASCII: halves of characters and zero bytes, which not every database takes, stay escaped.
            json.dumps(given["event_payload"]),
            _keep(request),
            None if sender_key is None else check_identifier("Idempotency-Key", sender_key),
        )
    except (TypeError, ValueError) as wrong:
        raise HTTPException(400, str(wrong)) from None
    except RecursionError:
        raise HTTPException(400, "event_payload is nested too deeply") from None


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


def _answer(sent: SentEvent) -> Response:
    if sent.state is EventState.CHECKPOINTED:
        return JSONResponse({"status": "checkpointed"})
    if sent.state is EventState.KEPT:
        return JSONResponse({"status": "kept"})
    return error(404, sent.refusal)
