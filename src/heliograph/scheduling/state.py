"""What the machine keeps of a task."""

from __future__ import annotations

from dataclasses import dataclass, field

from heliograph.scheduling.events import TaskRule


@dataclass(slots=True)
class TaskState:
    """What is kept of a task that is not over, or whose output is still needed.

    Attributes:
        rule: what was told of it.
        missing: how many upstream outputs are not stored yet.
        users: how many tasks will still take its output.
        dependents: tasks that wait for it.
        attempts: the number of its last attempt, over all runs.
        tries: attempts in this run.
        due: when its sleep ends, where it began to.
        seen: how many outputs had been made again when its last attempt began.
    """

    rule: TaskRule
    missing: int = 0
    users: int = 0
    dependents: list[int] = field(default_factory=list)
    attempts: int = 0
    tries: int = 0
    due: float | None = None
    seen: int = 0
