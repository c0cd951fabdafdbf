"""Work that no handler of a signal may cut short.

Python runs these handlers in the main thread, between any two steps of whatever it does, and they may raise:
Ctrl-C does. A thread that does the engine's work for a moment must not be torn out of it half-way.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what `signal` wraps in enums, which take ten times as long
import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, Final

_PUT_OFF: Final = tuple(
    int(number)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if (number := getattr(signal, name, None)) is not None  # not every system has all of them
)
"""Those that programs write handlers for."""
_ROOM: Final = 200  # calls deep
_NOBODY: Final = contextlib.nullcontext()


def undisturbed() -> AbstractContextManager[object]:
    """What signals have handlers for is done when this is over, and not meanwhile."""
    if threading.current_thread() is threading.main_thread():
        return _Deputy()
    return _NOBODY  # handlers run in the main thread only


def has_room() -> bool:
    """Whether this thread is not so deep in a recursion that Python may refuse the next calls.

    >>> has_room()
    True
    """
    try:
        sys._getframe(sys.getrecursionlimit() - _ROOM)
    except ValueError:  # there are not so many frames
        return True
    return False


class _Deputy:
    """Stands in for handlers, and calls them afterwards."""

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._told: list[int] = []
        self._is_on_duty = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""
        if self._is_on_duty:
            self._told.append(number)
            return
        # Another handler raised before all had their places back.
        _signal.signal(number, self._handlers[number])
        self._handlers[number](number, frame)

    def __enter__(self) -> None:
        """Take the places of all handlers there are."""
        for number in _PUT_OFF:
            handler = _signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                _signal.signal(number, self)
        self._is_on_duty = True  # last: until here any of them may raise

    def __exit__(self, *_: object) -> None:
        """Give them back, and hand on what came."""
        self._is_on_duty = False  # first: from here on too
        for number, handler in self._handlers.items():
            _signal.signal(number, handler)
        for number in self._told:
            self._handlers[number](number, sys._getframe())
