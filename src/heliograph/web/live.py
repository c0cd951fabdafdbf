"""Event streams: they say that what a page shows has changed, and the page asks for it again.

However many streams want to know the same, one look a second answers them all.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from heliograph.errors import WorkflowError
from heliograph.web import asking
from heliograph.web.storage import open_storage

MOST_STREAMS: Final = 1000
PAUSE: Final = 1.0
"""Seconds between two looks; more where a look takes long."""
_SHARE: Final = 10
"""A look may take one part in so many of the time."""
_ALIVE: Final = 15.0
"""Seconds after which something is sent, so that nobody on the way takes the stream for dead."""

Look = Callable[[], str]
"""Tells how things are: a mark that is another one when something has changed. Called in a thread."""


def mark(value: Any) -> str:
    """A mark of a value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]


class _Beat:
    """The looks at one thing, for all streams that ask for it."""

    def __init__(self, look: Look) -> None:
        self.mark: str | None = None
        self.turn = asyncio.Event()
        self.streams = 0
        self._look = look
        self.task = asyncio.create_task(self._go())

    async def _go(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            found = await asyncio.to_thread(self._seen)
            if found != self.mark:
                self.mark = found
                turn, self.turn = self.turn, asyncio.Event()
                turn.set()
            await asyncio.sleep(max(PAUSE, _SHARE * (loop.time() - began)))

    def _seen(self) -> str:
        try:
            return self._look()
        except (WorkflowError, HTTPException, TypeError, ValueError) as error:
            return mark(f"{type(error)}")  # the page asks again, and is told what is wrong


class Live:
    """The open streams.

    Args:
        storage: that they tell of; None: the one this process has open, else the default one.
    """

    def __init__(self, storage: str | os.PathLike[str] | None) -> None:
        self._storage = storage
        self._beats: dict[str, _Beat] = {}
        self.count = 0

    def stream(self, request: Request, key: str, look: Look) -> StreamingResponse:
        """A stream of server-sent events.

        Args:
            request: tells the mark of what its page shows.
            key: streams of the same key share their looks.
            look: how it is; the storage is open when it is called.

        Raises:
            HTTPException: 503, too many are open.
        """
        if self.count >= MOST_STREAMS:
            raise HTTPException(503, f"{MOST_STREAMS} event streams are open", {"Retry-After": "10"})

        def looked() -> str:
            open_storage(self._storage)
            return look()

        seen = request.headers.get("last-event-id") or asking.text(request, "seen")
        return StreamingResponse(
            self._events(key, looked, seen),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self, key: str, look: Look, seen: str | None) -> AsyncIterator[str]:
        beat = self._beats.get(key)
        if beat is None:
            beat = self._beats[key] = _Beat(look)
        beat.streams += 1
        self.count += 1
        try:
            yield "retry: 2000\n\n"
            while True:
                turn = beat.turn
                if beat.mark is not None and beat.mark != seen:
                    seen = beat.mark
                    yield f"id: {seen}\nevent: change\ndata: {seen}\n\n"
                    continue
                try:
                    async with asyncio.timeout(_ALIVE):
                        await turn.wait()
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self.count -= 1
            beat.streams -= 1
            if not beat.streams:
                beat.task.cancel()
                self._beats.pop(key, None)
