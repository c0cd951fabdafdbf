"""Errors as they leave the coordinator: what Ray carries, with the cause that pickling leaves out."""

from __future__ import annotations

from typing import Any

from ray.exceptions import RaySystemError

from heliograph.engines.failures import failure_of, notes_of
from heliograph.engines.outcome import rebuilt
from heliograph.errors import WorkflowExecutionError


class RayWorkflowExecutionError(WorkflowExecutionError, RaySystemError):  # type: ignore[misc]  # untyped
    """A workflow failed on Ray. ``__cause__`` is the error of the task that failed it."""

    def __init__(self, message: str) -> None:
        RaySystemError.__init__(self, message)
        self.args = (message,)

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        cause = self.__cause__
        if cause is None:
            return RayWorkflowExecutionError, self.args
        failure = failure_of(cause)
        return _with_cause, (self.args[0], failure.kind, failure.message, failure.error, notes_of(cause))


def on_ray(error: BaseException) -> BaseException:
    """An error as this engine raises it."""
    if type(error) is not WorkflowExecutionError:
        return error
    raised = RayWorkflowExecutionError(str(error))
    raised.__cause__ = error.__cause__
    return raised


def _with_cause(
    message: str, kind: str, text: str, error: bytes | None, notes: list[str]
) -> RayWorkflowExecutionError:
    raised = RayWorkflowExecutionError(message)
    raised.__cause__ = rebuilt(kind, text, error, notes)
    return raised
