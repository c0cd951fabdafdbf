"""Every error heliograph raises on purpose, in one family.

The docstring of an error says when it is raised and the way out; its message names the thing and the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class WorkflowError(Exception):
    """Root of the family: anything that went wrong in or around a workflow."""


class WorkflowExecutionError(WorkflowError):
    """A workflow failed. ``__cause__`` is the error of the task that failed it."""

    make_cause: Callable[[], BaseException] | None = None
    # Until somebody asks for the error: loading the cause runs the code of its class.


class FailedBeforeError(WorkflowExecutionError, ValueError):
    """A workflow failed, and its output is asked for: what can't be had is a `ValueError`."""


class WorkflowCancellationError(WorkflowError):
    """The output of a workflow was waited for, and the workflow was cancelled."""


class CancelledBeforeError(WorkflowCancellationError, ValueError):
    """A workflow was cancelled, and its output is asked for."""


class WorkflowNotResumableError(WorkflowError):
    """A workflow can't be resumed from what is stored of it."""


class WorkflowTaskNotRecoverableError(WorkflowNotResumableError):
    """A stored task can't be rebuilt, for instance because its function is gone from its module."""


class WorkflowNotFoundError(WorkflowError, ValueError):
    """No workflow (or no task of it) has the id that was asked for."""


class NothingToResumeError(WorkflowNotFoundError, WorkflowNotResumableError):
    """There is no workflow of the id that is to be resumed: who resumes may ask for either."""


class WorkflowStillActiveError(WorkflowError):
    """A workflow that runs or waits can't be deleted: cancel it first."""


class InputMissingError(WorkflowError, ValueError):
    """`workflow.run` was not given what an input node of the DAG stands for."""


class WorkflowTakenOverError(WorkflowError):
    """Another engine goes on with the workflow: this one was not heard of for longer than its lease."""


class EventNotAwaitedError(WorkflowError):
    """Nobody waits for the event that was sent, or its workflow ended without it: it is not stored."""


class NotPicklableError(WorkflowError, TypeError):
    """A function, an argument or an output can't be pickled, so it can't be stored or sent to a worker."""


class WorkerDiedError(WorkflowError):
    """The worker that ran an attempt ended before the attempt did: killed, out of memory, or it exited."""


class TaskTimeoutError(WorkflowError, TimeoutError):
    """An attempt ran longer than its task's `timeout` allows, and was stopped."""


class RemoteError(WorkflowError):
    """A task raised an exception that can't be rebuilt here; the message holds its type and text."""


class StorageError(WorkflowError):
    """The storage can't be opened, read or written. What was stored before is kept."""


class StorageUnreachableError(StorageError):
    """The storage's server can't be reached, or went away; whether it did the last thing is not known."""


class StorageVersionError(StorageError):
    """The storage was written by a newer heliograph: upgrade it; or by an older one, and is on a server."""


class StorageCorruptError(StorageError):
    """The storage is not heliograph's, is not a database at all, or what it holds is damaged.

    Args:
        message: what is wrong.
        location: of the stored value, if it is one that is damaged.
        workflow_id: the only workflow that the damage concerns; None: there may be more.
    """

    def __init__(self, message: str, location: str | None = None, workflow_id: str | None = None) -> None:
        super().__init__(message)
        self.location = location
        self.workflow_id = workflow_id

    @classmethod
    def of_row(cls, table: str, what: str, workflow_id: str | None, storage: str | None = None) -> Self:
        """A row that heliograph never wrote.

        Args:
            table: the row's.
            what: is wrong with it.
            workflow_id: that it belongs to; None: to none, or that is not known.
            storage: where it is; None: who asks knows.
        """
        of, way_out = "", ""
        if workflow_id is not None:
            of, way_out = f" of workflow {workflow_id!r}", ", or delete the workflow"
        where = "" if storage is None else f"storage {storage}: "
        said = f"{where}a row of table {table}{of} can't be understood: {what}"
        return cls(f"{said}. Put a backup in its place{way_out}.", workflow_id=workflow_id)


class DamagedWarning(UserWarning):
    """A listing leaves out a workflow or task whose rows are damaged; `workflow.delete` works by its id."""


class TelemetryError(WorkflowError):
    """An OpenTelemetry collector can't be reached, or refuses the spans it is sent."""


class MissingExtraError(WorkflowError, ImportError):
    """A feature needs an optional dependency; the message names the extra to install."""


class SearchError(WorkflowError, ValueError):
    """A search asks for what can't be.

    Args:
        what: why.
        text: the search, if it was written as text.
        at: the position in it that the error is about.
    """

    def __init__(self, what: str, text: str | None = None, at: int | None = None) -> None:
        self.what, self.text, self.at = what, text, at
        super().__init__(what, text, at)

    def __str__(self) -> str:
        if self.text is None or self.at is None:
            return self.what
        # One line of the text, and a mark below the character.
        start = self.text.rfind("\n", 0, self.at) + 1
        line = self.text[start:].split("\n", 1)[0]
        first = max(self.at - start - 60, 0)
        return f"{self.what}\n  {line[first : first + 100]}\n  {' ' * (self.at - start - first)}^"
