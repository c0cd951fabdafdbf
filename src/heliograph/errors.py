"""Every error heliograph raises on purpose, in one family.

The docstring of an error says when it is raised and the way out; its message names the thing and the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class WorkflowError(Exception):
    """The base of all errors of heliograph."""


class WorkflowExecutionError(WorkflowError):
    """A workflow failed. Its ``__cause__`` is the error of the task that failed."""

    make_cause: Callable[[], BaseException] | None = None
    # Until somebody asks for the error: loading the cause runs the code of its class.


class FailedBeforeError(WorkflowExecutionError, ValueError):
    """The output of a workflow was asked for that had failed before; a `ValueError` too."""


class WorkflowCancellationError(WorkflowError):
    """The workflow was cancelled while its output was waited for."""


class CancelledBeforeError(WorkflowCancellationError, ValueError):
    """The output of a workflow was asked for that had been cancelled before; a `ValueError` too."""


class WorkflowNotResumableError(WorkflowError):
    """A workflow can't be resumed from what is stored of it."""


class WorkflowTaskNotRecoverableError(WorkflowNotResumableError):
    """A stored task can't be loaded, for example because its function is gone from its module."""


class WorkflowNotFoundError(WorkflowError, ValueError):
    """There is no workflow, or no task of the workflow, with the given id."""


class NothingToResumeError(WorkflowNotFoundError, WorkflowNotResumableError):
    """There is no workflow with the id that should be resumed: programs may catch either of its bases."""


class WorkflowStillActiveError(WorkflowError):
    """A workflow that is running or pending can't be deleted: cancel it first."""


class InputMissingError(WorkflowError, ValueError):
    """`workflow.run` was not given the value that an input node of the DAG stands for."""


class WorkflowTakenOverError(WorkflowError):
    """Another engine took the workflow over, since this one did not renew its lease in time."""


class EventNotAwaitedError(WorkflowError):
    """No task waits for the event that was sent, or the workflow ended without it; it is not stored."""


class NotPicklableError(WorkflowError, TypeError):
    """A function, an argument or an output can't be pickled, so it can't be stored or sent to a worker."""


class WorkerDiedError(WorkflowError):
    """The worker that ran an attempt died: it was killed, ran out of memory, or exited."""


class TaskTimeoutError(WorkflowError, TimeoutError):
    """An attempt ran longer than its task's `timeout` allows, and was stopped."""


class RemoteError(WorkflowError):
    """A task raised an exception that can't be loaded here; the message has its type and text."""


class StorageError(WorkflowError):
    """The storage can't be opened, read or written. What was stored before is kept."""


class StorageUnreachableError(StorageError):
    """The server of the storage can't be reached, or went away; it may or may not have done the last call."""


class StorageVersionError(StorageError):
    """A newer heliograph wrote the storage: upgrade heliograph; or an older one did: upgrade the storage."""


class StorageCorruptError(StorageError):
    """The storage is not one of heliograph, is not a database at all, or something in it is damaged.

    Args:
        message: what is wrong.
        location: where the value is stored, if a value is damaged.
        workflow_id: the only workflow that is damaged. None: there may be more.
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
    """A listing left out a workflow or task whose rows are damaged; `workflow.delete` can remove it."""


class TelemetryError(WorkflowError):
    """An OpenTelemetry collector can't be reached, or refuses the spans that it is sent."""


class MissingExtraError(WorkflowError, ImportError):
    """A feature needs an optional dependency; the message names the extra to install."""


class SearchError(WorkflowError, ValueError):
    """A search is not valid.

    Args:
        what: why it is not.
        text: the text of the search, if it was given as text.
        at: the position in this text that the error is about.
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
