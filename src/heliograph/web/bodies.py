"""Bodies of requests: never more of one is kept than may be."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

_PATIENCE: Final = 30.0
"""Seconds in which a body has to come."""
_READ_ON: Final = 8
"""A body up to so many times too large is read and dropped: few senders look at an answer before they end."""


async def read_body(request: Request, most: int) -> bytes:
    """The body, whatever the headers say of its length.

    Args:
        request: whose.
        most: the largest one that is taken, in bytes.

    Raises:
        HTTPException: 413, it is larger; 408, it takes too long to come.
    """
    length, body = 0, bytearray()
    most_read = _READ_ON * most
    if _declared(request) <= most_read:
        try:
            async with asyncio.timeout(_PATIENCE):
                async for chunk in request.stream():
                    length += len(chunk)
                    if length <= most:
                        body += chunk
                    elif length > most_read:
                        break
        except TimeoutError:
            message = f"the body did not come within {_PATIENCE:g} s"
            raise HTTPException(408, message, headers={"Connection": "close"}) from None
        if length <= most:
            return bytes(body)
    # What is left of the body is not read, so nothing can come after it.
    raise HTTPException(413, f"the body is larger than {most} bytes", headers={"Connection": "close"})


def _declared(request: Request) -> int:
    """The length that the headers give; 0: none that makes sense."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
