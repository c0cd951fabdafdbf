"""Calls in threads of heliograph's own.

Those of executors end with the main thread: before the program's other threads do, and the engine.
"""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST: Final = 32
"""So many calls of an event loop's at once, as many as asyncio would have threads for: others wait."""
_room: Final[weakref.WeakValueDictionary[Any, Any]] = weakref.WeakValueDictionary()
"""By event loop, while anybody is in it: a semaphore that was waited for would keep its loop alive."""


def fulfil(answer: Future[T], question: Callable[[], T]) -> None:
    """Give a future what the question returns or raises, unless it was cancelled before."""
    if not answer.set_running_or_notify_cancel():
        return
    try:
        found = question()
    except BaseException as error:  # whoever asked gets it
        answer.set_exception(error)
    else:
        answer.set_result(found)


async def in_thread(call: Callable[[], T]) -> T:
    """Call a function in a thread, with the context of the one who awaits it."""
    import asyncio  # late: one who awaits has an event loop, so it is there already; others need none of it

    answer: Future[T] = Future()
    question = contextvars.copy_context().run
    thread = threading.Thread(
        target=fulfil, args=(answer, lambda: question(call)), name="heliograph-call", daemon=True
    )
    room = _room.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST))
    async with room:
        thread.start()
        return await asyncio.wrap_future(answer)
