"""What a machine knows of its tasks, by column.

Python's garbage collector looks at all objects again and again, and a wide DAG has a hundred thousand tasks:
one object for each would cost more than all else that is done with a task that waits. A list of numbers is
one object, and a tuple of numbers none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from heliograph.graph.frozen import record
from heliograph.scheduling.events import TaskRule


@record
class TaskState:
    """How a task stands that is not over, or whose output is still needed.

    Attributes:
        rule: what was told of it.
        missing: how many upstream outputs are not stored yet.
        users: how many tasks will still take its output.
        attempts: the number of its last attempt, over all runs.
        tries: attempts in this run.
    """

    rule: TaskRule
    missing: int
    users: int
    attempts: int
    tries: int


class States(Mapping[int, TaskState]):
    """The tasks in memory, by number. As a mapping it is for onlookers; the machine goes by columns.

    Attributes:
        rules: of the tasks in memory, and of no others.
        missing: see `TaskState`, as the next three. What these have of a task that left memory says nothing.
        users: as above.
        attempts: as above.
        tries: as above.
        dependents: tasks that wait for one; none wait for one that is left out.
        due: when sleeps end that began to.
        seen: how many outputs had been made again when a task's last attempt began; left out: none.
    """

    __slots__ = ("attempts", "dependents", "due", "missing", "rules", "seen", "tries", "users")

    def __init__(self) -> None:
        self.rules: dict[int, TaskRule] = {}
        self.missing: list[int] = []
        self.users: list[int] = []
        self.attempts: list[int] = []
        self.tries: list[int] = []
        self.dependents: dict[int, tuple[int, ...]] = {}
        self.due: dict[int, float] = {}
        self.seen: dict[int, int] = {}

    def make_room(self, count: int) -> None:
        """There are so many tasks now, in memory or not."""
        more = [0] * (count - len(self.missing))
        self.missing += more
        self.users += more
        self.attempts += more
        self.tries += more

    def hold(self, task: int, rule: TaskRule) -> None:
        """The task comes into memory, and nothing was done for it."""
        self.rules[task] = rule
        self.missing[task] = self.users[task] = self.attempts[task] = self.tries[task] = 0

    def let_go(self, task: int) -> None:
        """The task leaves memory."""
        del self.rules[task]
        self.dependents.pop(task, None)
        self.due.pop(task, None)
        self.seen.pop(task, None)

    def __getitem__(self, task: int) -> TaskState:
        rule = self.rules[task]
        return TaskState(rule, self.missing[task], self.users[task], self.attempts[task], self.tries[task])

    def __iter__(self) -> Iterator[int]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)
