"""What the machine is told. Each event carries the time at which it happened."""

from __future__ import annotations

from heliograph.graph.frozen import record
from heliograph.graph.options import TaskOptions


@record
class TaskRule:
    """What the machine knows of a task: what it waits for, and what to do when it fails.

    Attributes:
        upstream: numbers of the tasks whose outputs it takes.
        options: its options.
        frame: the task whose continuation it is a part of; see `machine`.
        delivers_to: the task whose output its output is.
    """

    upstream: tuple[int, ...]
    options: TaskOptions
    frame: int | None = None
    delivers_to: int | None = None


@record
class Submitted:
    """The plan is stored, for the first time or in an earlier run.

    Attributes:
        now: Unix seconds, as in all events.
        tasks: every task, in the order of their numbers.
        stored: tasks whose outputs are stored.
        attempts: how many attempts each task had in earlier runs; tasks without any are left out.
        resumed: an earlier run was submitted before: the rows of all tasks not stored, not `unkept` and not
            `failed` say PENDING.
        unkept: tasks that succeeded in an earlier run, and whose outputs are not stored.
        output: the task that gives the workflow's output; None: the last.
        due: when sleeps that began in an earlier run end, as (task, Unix seconds).
        failed: tasks of continuations that failed in an earlier run; those whose exceptions were caught have
            done so for good.
    """

    now: float
    tasks: tuple[TaskRule, ...]
    stored: frozenset[int] = frozenset()
    attempts: tuple[tuple[int, int], ...] = ()
    resumed: bool = False
    unkept: frozenset[int] = frozenset()
    output: int | None = None
    due: tuple[tuple[int, float], ...] = ()
    failed: frozenset[int] = frozenset()


@record
class Started:
    """A worker has the attempt. Short attempts end before this is told, and then it never is."""

    now: float
    task: int
    attempt: int


@record
class Succeeded:
    """The attempt returned its output, which is not stored yet."""

    now: float
    task: int
    attempt: int


@record
class Continued:
    """The attempt returned a DAG: the rest of its work.

    Attributes:
        tasks: the DAG's, dependencies first, with upstream numbers counted from its first. The last one gives
            what the task's output is to be.
    """

    now: float
    task: int
    attempt: int
    tasks: tuple[TaskRule, ...]


@record
class Failed:
    """The attempt raised, ran over its time, or its worker died.

    Attributes:
        died: its code raised nothing: it was stopped, or its worker died.
        lineage: dotted names of the exception's type and all it inherits from.
        jitter: a random number from 0 to 1, for the delay before the next attempt.
    """

    now: float
    task: int
    attempt: int
    died: bool
    lineage: tuple[str, ...] = ()
    jitter: float = 0.0


@record
class Damaged:
    """The attempt could not read an input: an output that was stored is damaged or gone.

    That is made again, and then the task is tried again.

    Attributes:
        source: the task whose output it was; see `Machine.is_made_again`.
        tasks: every task, as in `Submitted`, and what follows likewise; all empty if the source is being made
            again already: else it is needed, since what is stored has left memory.
    """

    now: float
    task: int
    attempt: int
    source: int
    tasks: tuple[TaskRule, ...] = ()
    stored: frozenset[int] = frozenset()
    attempts: tuple[tuple[int, int], ...] = ()
    due: tuple[tuple[int, float], ...] = ()


@record
class Stored:
    """The task's output and record are committed."""

    now: float
    task: int


@record
class Expanded:
    """A continuation's tasks are committed.

    Attributes:
        first: the number of the first of them.
        count: how many there are.
    """

    now: float
    first: int
    count: int


@record
class Due:
    """The time has come that `Wake` named."""

    now: float
    task: int


@record
class Canceled:
    """Somebody cancelled the workflow, and that is stored."""

    now: float


Event = Submitted | Started | Succeeded | Continued | Failed | Damaged | Stored | Expanded | Due | Canceled
