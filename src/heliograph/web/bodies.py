"""Bodies of requests: never more of one is kept than may be."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

_READ_ON: Final = 8
"""A body up to so many times too large is read and dropped: few senders look at an answer before they end."""


async def read_body(request: Request, most: int) -> bytes:
    """The body, whatever the headers say of its length.

    Args:
        request: whose.
        most: the largest one that is taken, in bytes.

    Raises:
        HTTPException: 413, it is larger.
    """
    length, body = 0, bytearray()
    most_read = _READ_ON * most
    if _declared(request) <= most_read:
        async for chunk in request.stream():
            length += len(chunk)
            if length <= most:
                body += chunk
            elif length > most_read:
                break
        if length <= most:
            return bytes(body)
    # What is left of the body is not read, so nothing can come after it.
    raise HTTPException(413, f"the body is larger than {most} bytes", headers={"Connection": "close"})


def _declared(request: Request) -> int:
    """The length that the headers give; 0: none that makes sense."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
