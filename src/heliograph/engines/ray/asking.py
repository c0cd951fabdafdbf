"""A worker that is done asks for more: the question, as the coordinator's event loop holds it."""

from __future__ import annotations

import asyncio


class Ask:
    """What a worker waits for. It is answered once, by any thread that holds the executor's lock.

    Args:
        loop: the event loop that the worker is answered from.

    Attributes:
        is_answered: whether it was.
        answer: the next order, packed; None: there is no more.
    """

    __slots__ = ("_future", "_loop", "answer", "is_answered")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self.is_answered = False
        self.answer: bytes | None = None

    def give(self, answer: bytes | None) -> None:
        """Answer it."""
        self.is_answered, self.answer = True, answer
        if self._future is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def waiting(self) -> asyncio.Future[None]:
        """Done once it is answered; called under the lock, before it is."""
        self._future = self._loop.create_future()
        return self._future

    def _wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
