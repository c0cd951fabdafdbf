"""What a task can know of itself while it runs."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Current:
    """The attempt that runs this code.

    Attributes:
        workflow_id: its workflow.
        task_id: its task; also the task's name.
        attempt: its number, from 1, counted over all runs.
        run: the run of the workflow, from 1.
        is_resume: whether that run went on with what an earlier one left.
    """

    workflow_id: str
    task_id: str
    attempt: int
    run: int
    is_resume: bool


running: Final[ContextVar[Current | None]] = ContextVar("heliograph_running", default=None)
"""Set by the worker around each attempt; each thread and each coroutine has its own."""
