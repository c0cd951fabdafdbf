"""Which status a task may have after which: all moves are here, and the machine refuses any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from heliograph.records.status import TaskStatus as Task

TASK_MOVES: Final[Mapping[Task, frozenset[Task]]] = {
    # In a resume, a task that had returned a continuation goes on waiting for it.
    Task.PENDING: frozenset({Task.READY, Task.WAITING, Task.CANCELED}),
    # A short attempt is over before anybody saw it run: hence straight from READY to an end.
    Task.READY: frozenset({Task.RUNNING, Task.WAITING, Task.SUCCESSFUL, Task.FAILED, Task.CANCELED}),
    Task.RUNNING: frozenset({Task.READY, Task.WAITING, Task.SUCCESSFUL, Task.FAILED, Task.CANCELED}),
    Task.WAITING: frozenset({Task.READY, Task.SUCCESSFUL, Task.FAILED, Task.CANCELED}),
    Task.SUCCESSFUL: frozenset(),
    Task.FAILED: frozenset(),
    Task.CANCELED: frozenset(),
}


class IllegalMoveError(AssertionError):
    """The machine was about to make a move that is not in the table; its state is unchanged."""


def initial_status(upstream: tuple[int, ...]) -> Task:
    """The status of a task in a plan that was just stored.

    >>> initial_status(()), initial_status((0, 1))
    (<TaskStatus.READY: 'READY'>, <TaskStatus.PENDING: 'PENDING'>)
    """
    return Task.PENDING if upstream else Task.READY
