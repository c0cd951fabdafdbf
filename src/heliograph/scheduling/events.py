"""What the machine is told. Each event carries the time at which it happened."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.graph.options import TaskOptions


@dataclass(frozen=True, slots=True)
class TaskRule:
    """What the machine knows of a task: what it waits for, and what to do when it fails."""

    upstream: tuple[int, ...]
    options: TaskOptions


@dataclass(frozen=True, slots=True)
class Submitted:
    """The plan is stored, for the first time or in an earlier run.

    Attributes:
        now: Unix seconds, as in all events.
        tasks: every task, dependencies first; the last one gives the output.
        stored: tasks whose outputs are stored.
        attempts: how many attempts each task had in earlier runs; tasks without any are left out.
        resumed: an earlier run was submitted before: the rows of all tasks not stored and not `unkept` say
            PENDING.
        unkept: tasks that succeeded in an earlier run, and whose outputs are not stored.
    """

    now: float
    tasks: tuple[TaskRule, ...]
    stored: frozenset[int] = frozenset()
    attempts: tuple[tuple[int, int], ...] = ()
    resumed: bool = False
    unkept: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has the attempt. Short attempts end before this is told, and then it never is."""

    now: float
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The attempt returned; its output is not stored yet."""

    now: float
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt raised, or its worker died.

    Attributes:
        died: the worker died.
        lineage: dotted names of the exception's type and all it inherits from.
    """

    now: float
    task: int
    attempt: int
    died: bool
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """The task's output and record are committed."""

    now: float
    task: int


@dataclass(frozen=True, slots=True)
class Canceled:
    """Somebody cancelled the workflow, and that is stored."""

    now: float


Event = Submitted | Started | Succeeded | Failed | Stored | Canceled
