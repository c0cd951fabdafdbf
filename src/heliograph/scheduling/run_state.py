"""How a run stands: what its machine knows, for all to read, and for the machine alone to move."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.scheduling.events import TaskRule
from heliograph.scheduling.states import States, TaskState


class RunState:
    """The state of one run; see `machine.Machine`."""

    __slots__ = (
        "_asked",
        "_counts",
        "_delegates",
        "_live",
        "_output",
        "_remade",
        "_states",
        "_status",
        "status",
    )

    def __init__(self) -> None:
        self.status = WorkflowStatus.PENDING
        self._output = -1
        self._status: list[TaskStatus] = []
        self._states = States()
        self._delegates: dict[int, int] = {}  # frame to the task that will give its output
        self._asked: set[int] = set()  # checkpoints that were asked for and are not committed yet
        self._live: dict[int, int] = {}  # attempts that have not ended, sleeps among them: task to attempt
        self._counts: dict[TaskStatus, int] = {}
        self._remade: list[int] = []  # tasks whose stored outputs were damaged, in the order of that

    @property
    def progress(self) -> Mapping[TaskStatus, int]:
        """How many tasks have each status; statuses that none has are left out."""
        return {status: count for status, count in self._counts.items() if count}

    @property
    def live(self) -> Mapping[int, int]:
        """The attempts that have begun and not ended: task to attempt."""
        return self._live

    @property
    def states(self) -> Mapping[int, TaskState]:
        """The tasks in memory."""
        return self._states

    @property
    def asked(self) -> AbstractSet[int]:
        """The tasks whose checkpoints were asked for and are not committed yet."""
        return self._asked

    @property
    def delegates(self) -> Mapping[int, int]:
        """Frames, each with the task that will give its output."""
        return self._delegates

    @property
    def count(self) -> int:
        """How many tasks there are, those that left memory among them."""
        return len(self._status)

    @property
    def output(self) -> int:
        """The task that gives the workflow's output."""
        return self._output

    def status_of(self, task: int) -> TaskStatus:
        """How a task stands."""
        return self._status[task]

    def rule_of(self, task: int) -> TaskRule:
        """What the machine was told of a task that is not over."""
        return self._states.rules[task]

    def is_stored(self, task: int) -> bool:
        """Whether the task was successful, and that is committed."""
        return self._status[task] is TaskStatus.SUCCESSFUL and task not in self._asked

    def is_asleep(self, task: int) -> bool:
        """Whether the task is a sleep that has begun and not ended."""
        return task in self._live and self._states.rules[task].options.sleep is not None

    def keeps(self, task: int) -> bool:
        """Whether the task's output is to be stored."""
        return self._states.rules[task].options.checkpoint is not False

    def wraps(self, task: int) -> int:
        """How often the task's output is wrapped as ``(output, None)``: once, if any catches whose it is."""
        rule = self._states.rules[task]
        while not rule.options.catch_exceptions and rule.delivers_to is not None:
            rule = self._states.rules[rule.delivers_to]
        return int(rule.options.catch_exceptions)

    def catcher(self, task: int) -> int | None:
        """The task that catches what this one raises: itself, or a frame around it; None: nobody does."""
        catching: int | None = task
        while catching is not None and not self._states.rules[catching].options.catch_exceptions:
            catching = self._states.rules[catching].frame
        return catching

    def is_made_again(self, task: int) -> bool:
        """Whether a task whose stored output is damaged may run again; one that does so already, may."""
        most = self._states.rules[task].options.max_retries
        return not self.is_stored(task) or (most != 0 and (most == -1 or self._states.tries[task] <= most))

    @property
    def remade(self) -> AbstractSet[int]:
        """Tasks whose stored outputs were damaged."""
        return frozenset(self._remade)
