"""Waiting for a server's answer: look for it a while before going to sleep, where the one before came soon.

A server on the same machine answers a small question in 30 µs, and who sleeps meanwhile is woken 40 µs later
where that is a virtual one: most of what the question takes. See decision 12.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg.waiting import Ready, Wait

from heliograph.host.lookout import has_company

_SOON_SECONDS: Final = 0.0005
"""How long to look. Through a network an answer takes longer, and who waits for it sleeps."""


class LookingConnection(psycopg.Connection[Any]):
    """A connection whose waits begin with a look."""

    _comes_soon = False  # the last answer did

    def wait(self, gen: Any, *given: Any, **options: Any) -> Any:
        """As the driver's."""
        begun = time.perf_counter()
        if self._comes_soon and has_company():
            gen = _Looked(gen, self.pgconn.socket, begun + _SOON_SECONDS)
        answer = super().wait(gen, *given, **options)
        self._comes_soon = time.perf_counter() - begun < _SOON_SECONDS
        return answer


class _Looked(Iterator[Any]):
    """What the driver waits by, a generator that is told when it may go on: told at once, where it may.

    This is no generator, which an error would end: where Ctrl-C comes during a look, the driver cancels the
    question, and takes in with this how that ended.

    Args:
        gen: the driver's.
        socket: the file to look at.
        end: of all looks, by `time.perf_counter`.
    """

    __slots__ = ("_end", "_gen", "_poll")

    def __init__(self, gen: Any, socket: int, end: float) -> None:
        self._gen = gen
        self._end = end
        polled = select.poll()
        polled.register(socket, select.POLLIN)
        self._poll = polled.poll

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, ready: Any) -> Any:
        """As a generator's: what to wait for next."""
        wanted = self._gen.send(ready)
        while wanted == Wait.R and self._is_there():
            wanted = self._gen.send(Ready.R)
        return wanted

    def _is_there(self) -> bool:
        while not self._poll(0):
            if time.perf_counter() > self._end:
                return False
        return True
