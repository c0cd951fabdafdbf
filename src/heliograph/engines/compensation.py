"""Workers that only wait: for as long as one does, another one runs tasks.

A task that waits for another workflow keeps its worker and does nothing. If all workers did so, the workflows
that they wait for would never get one. So a worker that waits gives its slot up, and has it back when it
goes on: a worker thread for any workflow, a worker process only where another engine has that workflow. One
that the task runs itself has workers of its own there.
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
class Slot:
    """A worker's slot: one of those among which tasks are handed out.

    Attributes:
        give_up: called when its task begins to wait.
        take_back: called when its task goes on.
        depth: of workflows that its task runs: one more than that of the task's own workflow.
        is_of_process: it is a worker process: workflows that its task runs itself have workers of their own.
    """

    give_up: Callable[[], None]
    take_back: Callable[[], None]
    depth: int = 1
    is_of_process: bool = False


class _Own(threading.local):
    slot: Slot | None = None


_own = _Own()


def hold(slot: Slot) -> None:
    """Note that this thread is a worker, and has this slot."""
    _own.slot = slot


def _after_fork() -> None:
    _own.slot = None  # the child's one thread is no worker of the child's


os.register_at_fork(after_in_child=_after_fork)


def depth() -> int:
    """How deep workflows are nested that this thread's code runs; 0: it is no worker thread."""
    return 0 if _own.slot is None else _own.slot.depth


def compensated(awaited: Future[object], is_elsewhere: bool) -> AbstractContextManager[None]:
    """A context in which to wait for the output of a workflow: meanwhile this worker's slot is another's.

    Args:
        awaited: the output.
        is_elsewhere: no engine of this process has the workflow.
    """
    slot = _own.slot
    if slot is None or awaited.done() or (slot.is_of_process and not is_elsewhere):
        return _NOBODY
    return _given_up(slot)


@contextlib.contextmanager
def _given_up(slot: Slot) -> Iterator[None]:
    try:
        slot.give_up()
        yield
    finally:
        slot.take_back()
