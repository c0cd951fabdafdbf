"""Statuses: one enum a concept, and which of them are over."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class WorkflowStatus(StrEnum):
    """Where a workflow (or one run of it) stands.

    >>> WorkflowStatus.RUNNING == "RUNNING"
    True
    """

    PENDING = "PENDING"
    """Stored, and waiting for its turn."""
    RUNNING = "RUNNING"
    """An engine works on it."""
    FAILED = "FAILED"
    """A task failed for good. Its other checkpoints are kept."""
    RESUMABLE = "RESUMABLE"
    """It ran or waited, and its engine is gone."""
    CANCELED = "CANCELED"
    """Somebody cancelled it."""
    SUCCESSFUL = "SUCCESSFUL"
    """Its output is stored."""


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    """It waits for outputs of other tasks."""
    READY = "READY"
    """All its inputs are stored; it waits for a worker."""
    RUNNING = "RUNNING"
    """An attempt runs."""
    WAITING = "WAITING"
    """It sleeps, waits for its next attempt, or for the continuation that it handed over to."""
    SUCCESSFUL = "SUCCESSFUL"
    """It ended well, and that is stored."""
    FAILED = "FAILED"
    """Its last attempt failed and there is no other."""
    CANCELED = "CANCELED"
    """Its workflow was cancelled before it ended."""


class AttemptStatus(StrEnum):
    """How one try of a task went."""

    RUNNING = "RUNNING"
    """It was given to a worker, and no more is known."""
    SUCCESSFUL = "SUCCESSFUL"
    """Its output was committed."""
    FAILED = "FAILED"
    """It raised, or its worker died."""
    CANCELED = "CANCELED"
    """It was stopped: its workflow was cancelled or failed meanwhile."""
    LOST = "LOST"
    """Its engine was gone before its end was known; a later run tried again."""


class RunReason(StrEnum):
    """Why a run began."""

    START = "start"
    RESUME = "resume"
    RETRY = "retry"
    """A resume of a workflow that had failed."""
    RECOVERED = "recovered"
    """Taken over, without a person, from an engine that was gone."""


ACTIVE: Final = frozenset({WorkflowStatus.PENDING, WorkflowStatus.RUNNING})
"""What is stored of a workflow that an engine has; RESUMABLE is one of these whose engine is gone."""

LEFT_TASK: Final = {TaskStatus.RUNNING: TaskStatus.READY}
"""What a task reads where the engine of its workflow is gone: it ran, and waits for a worker again."""

LEFT_ATTEMPT: Final = {AttemptStatus.RUNNING: AttemptStatus.LOST}
"""What an attempt reads there; a resume stores the same."""

TASK_OVER: Final = frozenset({TaskStatus.SUCCESSFUL, TaskStatus.FAILED, TaskStatus.CANCELED})
