"""Errors as they leave the coordinator: what Ray carries, with the cause that pickling leaves out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ray.exceptions import RaySystemError

from heliograph.engines.failures import failure_of, notes_of
from heliograph.engines.outcome import caused, rebuilt
from heliograph.errors import WorkflowExecutionError


class RayWorkflowExecutionError(WorkflowExecutionError, RaySystemError):  # type: ignore[misc]  # untyped
    """A workflow failed on Ray. ``__cause__`` is the error of the task that failed it."""

    def __init__(self, message: str) -> None:
        RaySystemError.__init__(self, message)
        self.args = (message,)

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        cause, make_cause = self.__cause__, self.make_cause
        if make_cause is None and cause is not None:
            failure = failure_of(cause)
            make_cause = partial(rebuilt, failure.kind, failure.message, failure.error, notes_of(cause))
        return _with_cause, (self.args[0], make_cause)


def on_ray(error: BaseException) -> BaseException:
    """An error as this engine raises it."""
    if type(error) is not WorkflowExecutionError:
        return error
    raised = RayWorkflowExecutionError(str(error))
    raised.make_cause = error.make_cause
    return raised


def _with_cause(message: str, make_cause: Callable[[], BaseException] | None) -> RayWorkflowExecutionError:
    raised = RayWorkflowExecutionError(message)
    raised.make_cause = make_cause
    caused(raised)
    return raised
