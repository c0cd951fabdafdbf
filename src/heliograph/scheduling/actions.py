"""What the machine asks for. The engine's loop carries the actions out, in order."""

from __future__ import annotations

from heliograph.graph.frozen import record
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus


@record
class Start:
    """Give the attempt to a worker."""

    task: int
    attempt: int


@record
class Stop:
    """Stop the attempt; whatever comes of it is not wanted any more."""

    task: int
    attempt: int


@record
class Mark:
    """Record the task's status. Nobody waits for that."""

    task: int
    status: TaskStatus


@record
class Close:
    """Record how the attempt went."""

    task: int
    attempt: int
    status: AttemptStatus


@record
class Checkpoint:
    """Record the task as successful, with its output, and say `Stored` when that is committed.

    The output is what the attempt just returned, be it this task's own or one of its continuation.

    Attributes:
        keep: store the output itself; else only the record.
        caught: the output is ``(None, exception)``, of an attempt that failed.
    """

    task: int
    keep: bool
    caught: bool = False


@record
class Forget:
    """A task's stored output is damaged, and will be made again: the old one is no output any more."""

    task: int


@record
class Expand:
    """Store the tasks of the continuation that the attempt returned, and say `Expanded` when they are.

    Attributes:
        creator: the task that returned it.
        frame: the task that waits for it.
        first: the number of the first of its tasks.
    """

    creator: int
    frame: int
    first: int


@record
class Wake:
    """Say `Due` at a time.

    Attributes:
        at: Unix seconds.
        lasting: store the time: after a resume it is the same.
    """

    task: int
    at: float
    lasting: bool = False


@record
class Release:
    """No task needs this output any more."""

    task: int


@record
class Finish:
    """The run is over. Record that in the same transaction as the actions before it.

    Attributes:
        status: SUCCESSFUL, FAILED or CANCELED.
        failed: the task that failed it.
    """

    status: WorkflowStatus
    failed: int | None = None


Action = Start | Stop | Mark | Close | Checkpoint | Forget | Expand | Wake | Release | Finish
