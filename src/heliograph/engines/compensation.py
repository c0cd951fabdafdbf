"""Workers that only wait: for as long as one does, another runs tasks in its place.

A task that waits for a workflow needs a thread, and does nothing. Were it one of the few that run tasks, the
workflow that it waits for might never get one. So it is with a worker process, where that workflow is none
that the task runs itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

_NOBODY: Final = contextlib.nullcontext()


@dataclass(slots=True)
class Place:
    """A worker's place among those that run tasks.

    Attributes:
        give: the thread waits from now on.
        take: it goes on.
        depth: of workflows that its task runs: one more than of the task's own.
        is_alone: what its process runs has workers of its own: only who waits for others' engines needs this.
    """

    give: Callable[[], None]
    take: Callable[[], None]
    depth: int = 1
    is_alone: bool = False


class _Own(threading.local):
    place: Place | None = None


_own = _Own()


def hold(place: Place) -> None:
    """This thread is a worker, and has this place."""
    _own.place = place


def _after_fork() -> None:
    _own.place = None  # the child's one thread is no worker of the child's


os.register_at_fork(after_in_child=_after_fork)


def depth() -> int:
    """Of a workflow that this thread's code runs: 0 where no task in a worker thread does."""
    return 0 if _own.place is None else _own.place.depth


def compensated(awaited: Future[object], is_elsewhere: bool) -> AbstractContextManager[None]:
    """Wait in here for the output of a workflow.

    Args:
        awaited: it.
        is_elsewhere: an engine of this process has it not.
    """
    place = _own.place
    if place is None or awaited.done() or (place.is_alone and not is_elsewhere):
        return _NOBODY
    return _given(place)


@contextlib.contextmanager
def _given(place: Place) -> Iterator[None]:
    try:
        place.give()
        yield
    finally:
        place.take()
