"""Which workflows may run: at most so many at once, the others in order of arrival."""

from __future__ import annotations

from collections import deque

from heliograph.records.status import WorkflowStatus


class Admission:
    """The queue in front of the machines.

    A place is taken before the workflow is stored (which says with which status), and settled after.

    Args:
        running: how many may run at once; None: any number.
        pending: how many may wait; None: any number.

    >>> queue = Admission(running=1, pending=1)
    >>> queue.lacks_room(2), queue.lacks_room(3)
    (False, True)
    >>> queue.settle(queue.take_place(), key=7)
    >>> queue.settle(queue.take_place(), key=8)
    >>> queue.take_place() is None
    True
    >>> queue.leave(7)
    >>> queue.following()
    8
    """

    def __init__(self, running: int | None, pending: int | None) -> None:
        self._most_running = running
        self._most_pending = pending
        self._running: set[int] = set()
        self._pending: deque[int] = deque()
        self._taken = {WorkflowStatus.RUNNING: 0, WorkflowStatus.PENDING: 0}

    @property
    def is_limited(self) -> bool:
        """Whether one may have to wait for another's end."""
        return self._most_running is not None

    def take_place(self) -> WorkflowStatus | None:
        """Take a place for one more: RUNNING or PENDING; None where there is none."""
        waiting = len(self._pending) + self._taken[WorkflowStatus.PENDING]
        free = self._free()
        if free > waiting:  # those who came before have theirs
            place = WorkflowStatus.RUNNING
        elif self._most_pending is None or waiting - free < self._most_pending:
            place = WorkflowStatus.PENDING
        else:
            return None
        self._taken[place] += 1
        return place

    def lacks_room(self, more: int) -> bool:
        """Whether one of so many more would get no place."""
        if self._most_pending is None:
            return False
        waiting = len(self._pending) + self._taken[WorkflowStatus.PENDING]
        return waiting + more - self._free() > self._most_pending

    def settle(self, place: WorkflowStatus | None, key: int | None) -> None:
        """Put a workflow in the place that was taken for it; None: it was refused, give the place back."""
        if place is None:
            return
        self._taken[place] -= 1
        if key is None:
            return
        if place is WorkflowStatus.RUNNING:
            self._running.add(key)
        else:
            self._pending.append(key)

    def leave(self, key: int) -> None:
        """A workflow is over."""
        if key in self._running:
            self._running.discard(key)
        elif key in self._pending:
            self._pending.remove(key)

    def following(self) -> int | None:
        """The workflow whose turn it is, now taken as running; None: none waits, or no place is free."""
        if not self._pending or not self._free():
            return None
        key = self._pending.popleft()
        self._running.add(key)
        return key

    def _free(self) -> float:
        """How many more could run now."""
        if self._most_running is None:
            return float("inf")
        return self._most_running - len(self._running) - self._taken[WorkflowStatus.RUNNING]
