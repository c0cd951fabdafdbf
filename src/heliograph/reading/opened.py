"""The open storage, and what is in it, for the public calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from heliograph.errors import DamagedWarning, StorageCorruptError, WorkflowNotFoundError
from heliograph.graph.checks import checked_int
from heliograph.graph.identifiers import check_identifier
from heliograph.reading.late import late

if TYPE_CHECKING:
    from heliograph.engines.session import Session


@late
def session() -> Callable[[], Session]:
    """The session of this process; opened with defaults where nobody has opened one."""
    from heliograph.engines.opening import opened

    return opened


MOST: Final = 2**62
"""More than there can be: databases take no larger numbers."""


def checked_limit(limit: object) -> int:
    """How many are wanted at most.

    Raises:
        TypeError: not an int.
        ValueError: less than one.
    """
    most = checked_int("limit", limit)
    if most < 1:
        raise ValueError(f"limit must be 1 or more, not {most}")
    return min(most, MOST)


def warn_of(damaged: Iterable[StorageCorruptError], level: int = 3) -> None:
    """Name what a listing leaves out.

    Args:
        damaged: what is wrong with each.
        level: how far above this is the line of a user's program that asked.
    """
    for error in damaged:
        warnings.warn(str(error), DamagedWarning, level)


def no_task(workflow_id: str, task_id: object) -> WorkflowNotFoundError:
    """The error of who asks for a task that isn't there."""
    return WorkflowNotFoundError(f"No such task_id {task_id!r} in workflow {workflow_id!r}")


def found_key(workflow_id: str) -> int:
    """The storage's key of a workflow.

    Raises:
        WorkflowNotFoundError: there is none of this id.
    """
    return session().found(workflow_id).key


def checked_task(task_id: object) -> Any:
    """A task's id, or None.

    Raises:
        TypeError, ValueError: it can't be one.
    """
    return None if task_id is None else check_identifier("task_id", task_id)


def one_task(task_id: str | None, name: str | None) -> str | None:
    """The task that was asked for, by either name of the argument.

    Raises:
        TypeError, ValueError: it can't be one, or they are two.
    """
    if task_id is not None and name is not None and task_id != name:
        raise ValueError(f"task_id and name mean the same, and are {task_id!r} and {name!r}: give one")
    given = task_id if task_id is not None else name
    task: str | None = checked_task(given)
    return task
