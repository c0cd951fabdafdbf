"""Attempts that no worker finished: what Ray says of that, as a receipt."""

from __future__ import annotations

import time
from typing import Final

from ray.exceptions import (
    ActorUnschedulableError,
    NodeDiedError,
    OutOfMemoryError,
    RayTaskError,
    RuntimeEnvSetupError,
    TaskUnschedulableError,
)

from heliograph.engines.attempts import receipts
from heliograph.engines.attempts.executor import Receipt, Running, Work
from heliograph.errors import WorkerDiedError, WorkflowError, WorkflowTaskNotRecoverableError
from heliograph.records.attempt import UNKNOWN, Phases

_NEVER: Final = (
    RuntimeEnvSetupError,
    TaskUnschedulableError,
    ActorUnschedulableError,
    RayTaskError,
    ValueError,
)
"""What is as it is when the attempt is tried again."""


def lost(work: Work, submitted: float, running: Running | None, error: BaseException | None) -> Receipt:
    """The receipt of an attempt that has none of its own.

    Args:
        work: the attempt.
        submitted: when Ray got it, Unix seconds.
        running: what its worker reported before.
        error: what Ray says.
    """
    said: WorkflowError
    died = not isinstance(error, _NEVER)
    if died:
        said = WorkerDiedError(f"the worker of task {work.task_id!r} {_how(error)}")
    else:
        said = WorkflowTaskNotRecoverableError(
            f"task {work.task_id!r} can't run: {type(error).__name__}: {error}"
        )
    return receipts.failed(
        work.key,
        said,
        died=died,
        caught_wraps=work.caught_wraps,
        phases=_reached(submitted, running),
        # Ray does not tell who ran what died before its worker reported it.
        worker=running.worker if running else UNKNOWN if died else None,
    )


def _reached(submitted: float, running: Running | None) -> Phases:
    if running is None:
        return Phases(submitted=submitted)
    # Nobody knows when it died: it ran until that was noticed, as on the embedded engine.
    return Phases(submitted=submitted, started=running.started, finished=max(time.time(), running.started))


def _how(error: BaseException | None) -> str:
    if isinstance(error, OutOfMemoryError):
        return f"was killed by Ray, since the node ran out of memory: {error}"
    if isinstance(error, NodeDiedError):
        return f"died with its node: {error}"
    return f"died before the task ended: {type(error).__name__}: {error}"
