"""What a task can know of itself while it runs, and say."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import field
from typing import Any, Final

from heliograph.graph.frozen import record
from heliograph.graph.user_metadata import metadata_json
from heliograph.records.report import Reporter, checked_line, checked_point, checked_progress


@record
class Current:
    """The attempt that runs this code.

    What it reports can be seen by every process a tenth of a second later, while the task still runs. Reports
    in quick succession are stored together; of progress and metadata then only the newest is.

    A task may hand it to threads that it starts, which then report through it. A copy of it in another
    process can't report.

    Attributes:
        workflow_id: the id of the workflow.
        task_id: the id of the task, which is its name.
        attempt: the number of the attempt, from 1, counted over all runs.
        run: the number of the workflow's run, from 1.
        is_resume: whether this run resumed an earlier one.
    """

    workflow_id: str
    task_id: str
    attempt: int
    run: int
    is_resume: bool
    _reporter: Reporter | None = field(default=None, repr=False, compare=False)
    _workflow: int = field(default=0, repr=False, compare=False)  # the storage's key

    def update_metadata(self, metadata: dict[str, Any], *, of_workflow: bool = False) -> None:
        """Set keys of the user metadata, as `dict.update` does; other keys keep their values.

        Args:
            metadata: a dict that can be written as JSON.
            of_workflow: change the metadata of the workflow, not of the task.

        Raises:
            ValueError: it can't be written as JSON, or it is too large.
            RuntimeError: the attempt is over.
        """
        text = metadata_json(metadata)
        # By value: the caller's dict may change before it is sent.
        self._reporting().update(json.loads(text), len(text), of_workflow)

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report how far the task is.

        Args:
            done: how much is done.
            total: how much there is to do. None: not known.
            message: what the task is doing; cut after 512 characters.

        Raises:
            TypeError, ValueError: it is not a number, or not a finite one.
            RuntimeError: the attempt is over.
        """
        self._reporting().progress(checked_progress(done, total, message))

    def metric(self, key: str, value: float, step: int | None = None) -> None:
        """Report a value of a metric. All values are kept, up to 100,000 per attempt.

        Args:
            key: the name of the metric.
            value: a number. NaN and infinities are kept as None.
            step: the task's own count of the values, such as an epoch.

        Raises:
            TypeError, ValueError: an argument has a wrong type, or a number is too large.
            RuntimeError: the attempt is over.
        """
        self._reporting().point(checked_point(key, value, step))

    def log(self, text: str) -> None:
        """Log a line. All lines are kept, up to 100,000 and 16 MiB per attempt; a line over 16 KiB is cut.

        Args:
            text: the line.

        Raises:
            TypeError: it is not a str.
            RuntimeError: the attempt is over.
        """
        self._reporting().line(checked_line(text))

    def __reduce__(self) -> tuple[type[Current], tuple[str, str, int, int, bool, None, int]]:
        known = (self.workflow_id, self.task_id, self.attempt, self.run, self.is_resume)
        return Current, (*known, None, self._workflow)

    def _reporting(self) -> Reporter:
        if self._reporter is None:
            raise RuntimeError(
                f"this is a copy of the current() of task {self.task_id!r}: only the process that runs the "
                "task can say how it goes"
            )
        return self._reporter


running: Final[ContextVar[Current | None]] = ContextVar("heliograph_running", default=None)
"""Set by the worker around each attempt; each thread and each coroutine has its own."""

loading: Final[ContextVar[bool]] = ContextVar("heliograph_loading", default=False)
"""Whether the worker gets an attempt's function and arguments, and imports modules for that."""


def check_is_not_loading() -> None:
    """Refuse to run a workflow from a module that a worker imports.

    Raises:
        RuntimeError: a worker imports it. The workers of that workflow would import it too, and run it again.
    """
    if loading.get():
        raise RuntimeError(
            "a module that a worker imports for a task runs a workflow while it is imported; the workers of "
            "that one would import it too, and so on without end. Put the call into a function, or under "
            '`if __name__ == "__main__":`'
        )


def current() -> Current:
    """The attempt that runs this code.

    Raises:
        RuntimeError: no task runs it.
    """
    attempt = running.get()
    if attempt is None:
        raise RuntimeError(
            "workflow.current() is for code that runs in a task: no task runs this. A thread that a "
            "task starts has to be handed the task's own workflow.current()"
        )
    return attempt
