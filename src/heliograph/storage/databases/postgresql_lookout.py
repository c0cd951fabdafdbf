"""Waiting for a server's answer: look for it a while before going to sleep, where the one before came soon.

A server on the same machine answers a small question in 30 µs, and one who sleeps meanwhile is woken 40 µs
later where that is a virtual one: most of what the question takes. See decision 12.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
from psycopg.waiting import Ready, Wait

from heliograph.host.lookout import Lookout

_SOON_SECONDS: Final = 0.0005
"""How long to look. Through a network an answer takes longer, and one who waits for it sleeps."""


class LookingConnection(psycopg.Connection[Any]):
    """A connection whose waits begin with a look."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        polled = select.poll()
        polled.register(self.pgconn.socket, select.POLLIN)
        self._arrived = polled.poll
        self._lookout = Lookout(soon=_SOON_SECONDS)

    def wait(self, gen: Any, *given: Any, **options: Any) -> Any:
        """As the driver's."""
        if not self._may_look:
            return super().wait(gen, *given, **options)
        begun = time.perf_counter()
        looked: Any = _Looked(gen, self._is_there)
        answer = super().wait(looked, *given, **options)
        if looked.has_waited:  # what a pipeline is told is not answered at once
            self._lookout.heard(time.perf_counter() - begun)
        return answer

    @property
    def _may_look(self) -> bool:
        """Whether nobody else looks meanwhile, so that the server has a processor of two."""
        return True

    def _is_there(self) -> bool:
        return bool(self._lookout.look(self._arrived))


class _Looked(Iterator[Any]):
    """What the driver waits by, a generator that is told when it may go on: told at once, where it may.

    This is no generator, which an error would end: where Ctrl-C comes during a look, the driver cancels the
    question, and takes in with this how that ended.

    Args:
        gen: the driver's.
        is_there: whether there is something to read.

    Attributes:
        has_waited: whether it waited for the server to say something.
    """

    __slots__ = ("_gen", "_is_there", "has_waited")

    def __init__(self, gen: Any, is_there: Callable[[], bool]) -> None:
        self.has_waited = False
        self._gen = gen
        self._is_there = is_there

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, ready: Any) -> Any:
        """As a generator's: what to wait for next."""
        wanted = self._gen.send(ready)
        while wanted == Wait.R:
            self.has_waited = True
            if not self._is_there():
                break
            wanted = self._gen.send(Ready.R)
        return wanted
