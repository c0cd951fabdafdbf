"""The machine of one run.

Theory of operation. A task is PENDING until the outputs of all its upstream tasks are committed; then it is
READY and an attempt is started. When an attempt succeeds, the machine asks for a checkpoint and waits: only
the event `Stored` says that it is committed, and only then do dependents become READY. When an attempt fails,
it is retried, or caught, or it fails the run; a failed run stops what runs and starts nothing more. The run
ends with its output task.

A resume is the same machine told `Submitted` with what is stored. It goes back from the output task and wakes
only tasks whose outputs are needed and not stored; a task that succeeded without a checkpoint stays as it is
where nobody needs its output any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from heliograph.records.status import TASK_OVER, AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import Action, Checkpoint, Close, Finish, Mark, Release, Start, Stop
from heliograph.scheduling.events import (
    Canceled,
    Event,
    Failed,
    Started,
    Stored,
    Submitted,
    Succeeded,
    TaskRule,
)
from heliograph.scheduling.retry import is_retried
from heliograph.scheduling.transitions import TASK_MOVES, IllegalMoveError, initial_status


class Machine:
    """The state of one run, moved only by `handle`.

    >>> from heliograph.graph.options import TaskOptions
    >>> chain = (TaskRule((), TaskOptions()), TaskRule((0,), TaskOptions()))
    >>> machine = Machine()
    >>> machine.handle(Submitted(0.0, chain))
    [Start(task=0, attempt=1)]
    >>> [type(action).__name__ for action in machine.handle(Succeeded(1.0, 0, 1))]
    ['Close', 'Checkpoint']
    >>> machine.handle(Stored(2.0, 0))
    [Mark(task=1, status=<TaskStatus.READY: 'READY'>), Start(task=1, attempt=1)]
    """

    __slots__ = (
        "_attempts",
        "_counts",
        "_dependents",
        "_handlers",
        "_live",
        "_missing",
        "_status",
        "_stored",
        "_tasks",
        "_tries",
        "_users",
        "status",
    )

    def __init__(self) -> None:
        self.status = WorkflowStatus.PENDING
        self._tasks: tuple[TaskRule, ...] = ()
        self._status: list[TaskStatus] = []
        self._missing: list[int] = []  # how many upstream outputs are not stored yet
        self._users: list[int] = []  # how many tasks will still read this one's output
        self._dependents: list[list[int]] = []
        self._stored: set[int] = set()
        self._attempts: dict[int, int] = {}  # the last attempt's number, over all runs
        self._tries: dict[int, int] = {}  # attempts in this run, only of tasks that were tried again
        self._live: dict[int, int] = {}  # attempts that an engine has: task to attempt
        self._counts: dict[TaskStatus, int] = {}
        self._handlers: dict[type, Callable[[Any], Iterator[Action]]] = {
            Submitted: self._submitted,
            Started: self._started,
            Succeeded: self._succeeded,
            Failed: self._failed,
            Stored: self._task_stored,
            Canceled: self._canceled,
        }

    def handle(self, event: Event) -> list[Action]:
        """Take an event in; what it asks for comes out.

        Events about attempts that are over, or of a run that is, ask for nothing: a receipt and a
        cancellation may cross.

        Raises:
            IllegalMoveError: the event can't follow what was told before; the state is unchanged.
        """
        return list(self._handlers[type(event)](event))

    @property
    def progress(self) -> Mapping[TaskStatus, int]:
        """How many tasks have each status; statuses that none has are left out."""
        return {status: count for status, count in self._counts.items() if count}

    @property
    def live(self) -> Mapping[int, int]:
        """The attempts that were started and have not ended: task to attempt."""
        return self._live

    @property
    def tasks(self) -> Sequence[TaskRule]:
        """What the machine was told of each task."""
        return self._tasks

    @property
    def stored(self) -> AbstractSet[int]:
        """The tasks whose outputs are committed."""
        return self._stored

    @property
    def attempts(self) -> Mapping[int, int]:
        """The number of each task's last attempt, over all runs; tasks without any are left out."""
        return self._attempts

    @property
    def missing(self) -> Sequence[int]:
        """How many outputs each task still waits for."""
        return self._missing

    @property
    def users(self) -> Sequence[int]:
        """How many tasks will still read each task's output."""
        return self._users

    def status_of(self, task: int) -> TaskStatus:
        """How a task stands."""
        return self._status[task]

    def rule_of(self, task: int) -> TaskRule:
        """What the machine was told of a task."""
        return self._tasks[task]

    # -- the handlers, one an event

    def _submitted(self, event: Submitted) -> Iterator[Action]:
        if self.status is not WorkflowStatus.PENDING:
            raise IllegalMoveError(f"submitted, and the run is {self.status} already")
        self.status = WorkflowStatus.RUNNING
        self._tasks = event.tasks
        self._stored = set(event.stored)
        self._attempts = dict(event.attempts)
        needed = self._needed()
        self._stored |= event.unkept.difference(needed)  # nobody will read those outputs
        count = len(event.tasks)
        self._missing = [0] * count
        self._users = [0] * count
        self._dependents = [[] for _ in range(count)]
        self._status = [
            TaskStatus.SUCCESSFUL if task in self._stored else TaskStatus.PENDING for task in range(count)
        ]
        needed = self._needed()
        for task in needed:
            for upstream in event.tasks[task].upstream:
                self._users[upstream] += 1
                if upstream not in self._stored:
                    self._missing[task] += 1
                    self._dependents[upstream].append(task)
        for status in self._status:
            self._counts[status] = self._counts.get(status, 0) + 1
        for task in needed:
            if task in event.unkept:  # it runs again, and its row says SUCCESSFUL
                yield Mark(task, TaskStatus.PENDING)
        ready = [task for task in needed if not self._missing[task]]
        for task in ready:
            status = initial_status(event.tasks[task].upstream)
            if status is TaskStatus.READY and not event.resumed:
                self._set(task, status)  # stored so with the plan
            else:
                yield self._move(task, TaskStatus.READY)
        for task in ready:
            yield self._start(task)
        if not needed:
            yield self._finish(WorkflowStatus.SUCCESSFUL)

    def _started(self, event: Started) -> Iterator[Action]:
        if self._live.get(event.task) == event.attempt and self._status[event.task] is TaskStatus.READY:
            yield self._move(event.task, TaskStatus.RUNNING)

    def _succeeded(self, event: Succeeded) -> Iterator[Action]:
        if not self._end(event.task, event.attempt):
            return
        yield Close(event.task, event.attempt, AttemptStatus.SUCCESSFUL)
        yield from self._checkpoint(event.task, event.attempt, caught=False)

    def _failed(self, event: Failed) -> Iterator[Action]:
        task = event.task
        if not self._end(task, event.attempt):
            return
        options = self._tasks[task].options
        yield Close(task, event.attempt, AttemptStatus.FAILED)
        if is_retried(options, self._tries.get(task, 1), event.died, event.lineage):
            self._tries[task] = self._tries.get(task, 1) + 1
            if self._status[task] is not TaskStatus.READY:
                yield self._move(task, TaskStatus.READY)
            yield self._start(task)
        elif options.catch_exceptions:
            yield from self._checkpoint(task, event.attempt, caught=True)
        else:
            yield self._move(task, TaskStatus.FAILED)
            yield from self._stop_all()
            yield self._finish(WorkflowStatus.FAILED, task)

    def _task_stored(self, event: Stored) -> Iterator[Action]:
        task = event.task
        if task in self._stored or self._status[task] is not TaskStatus.SUCCESSFUL:
            raise IllegalMoveError(f"task {task} is {self._status[task]}: it can't be stored now")
        self._stored.add(task)
        if self.status is not WorkflowStatus.RUNNING:
            return
        ready = []
        for dependent in self._dependents[task]:
            self._missing[dependent] -= 1
            if not self._missing[dependent]:
                ready.append(dependent)
        self._dependents[task] = []
        for dependent in ready:
            yield self._move(dependent, TaskStatus.READY)
            yield self._start(dependent)
        for upstream in self._tasks[task].upstream:
            self._users[upstream] -= 1
            if not self._users[upstream]:
                yield Release(upstream)

    def _canceled(self, _event: Canceled) -> Iterator[Action]:
        if self.status not in (WorkflowStatus.RUNNING, WorkflowStatus.PENDING):
            return
        yield from self._stop_all()
        for task, status in enumerate(self._status):
            if status not in TASK_OVER:
                self._set(task, TaskStatus.CANCELED)  # stored so with the cancellation
        yield self._finish(WorkflowStatus.CANCELED)

    # -- what the handlers have in common

    def _needed(self) -> list[int]:
        """Tasks to run, dependencies first: not stored, and the output needs them."""
        last = len(self._tasks) - 1
        if last in self._stored:
            return []
        needed, path = {last}, [last]
        while path:
            for upstream in self._tasks[path.pop()].upstream:
                if upstream not in needed and upstream not in self._stored:
                    needed.add(upstream)
                    path.append(upstream)
        return sorted(needed)

    def _start(self, task: int) -> Start:
        attempt = self._attempts[task] = self._attempts.get(task, 0) + 1
        self._live[task] = attempt
        return Start(task, attempt)

    def _end(self, task: int, attempt: int) -> bool:
        """Whether the attempt was live; it is not any more."""
        if self._live.get(task) != attempt:
            return False
        del self._live[task]
        return True

    def _checkpoint(self, task: int, attempt: int, caught: bool) -> Iterator[Action]:
        self._set(task, TaskStatus.SUCCESSFUL)
        yield Checkpoint(task, attempt, self._tasks[task].options.checkpoint is not False, caught)
        if task == len(self._tasks) - 1:
            yield self._finish(WorkflowStatus.SUCCESSFUL)

    def _stop_all(self) -> Iterator[Action]:
        for task, attempt in sorted(self._live.items()):
            yield Stop(task, attempt)
            yield Close(task, attempt, AttemptStatus.CANCELED)
            yield self._move(task, TaskStatus.CANCELED)
        self._live.clear()

    def _finish(self, status: WorkflowStatus, failed: int | None = None) -> Finish:
        self.status = status
        return Finish(status, failed)

    def _move(self, task: int, status: TaskStatus) -> Mark:
        self._set(task, status)
        return Mark(task, status)

    def _set(self, task: int, status: TaskStatus) -> None:
        before = self._status[task]
        if status not in TASK_MOVES[before]:
            raise IllegalMoveError(f"task {task} can't go from {before} to {status}")
        self._status[task] = status
        self._counts[before] -= 1
        self._counts[status] = self._counts.get(status, 0) + 1
