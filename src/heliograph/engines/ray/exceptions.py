"""Errors on Ray: as they leave the coordinator, and as a driver raises them.

What Ray carries comes without its cause, which pickling leaves out; and what `ray.get` raises is a
`RayTaskError`, so what `workflow.run` raises is one too. Programs catch either.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ray.exceptions import RaySystemError, RayTaskError

from heliograph.engines.attempts.failures import failure_of, notes_of
from heliograph.engines.outcome import caused, rebuilt
from heliograph.errors import FailedBeforeError, WorkflowExecutionError

_CAUSE: Final[Any] = BaseException.__dict__["__cause__"]


class RayWorkflowExecutionError(WorkflowExecutionError, RaySystemError):  # type: ignore[misc]  # untyped
    """A workflow failed on Ray. ``__cause__`` is the error of the task that failed it."""

    def __init__(self, message: str) -> None:
        RaySystemError.__init__(self, message)
        self.args = (message,)

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def __cause__(self) -> BaseException | None:
        # What `ray.get` raises is made of this one: it has the class, and this one itself as its `cause`.
        own: BaseException | None = _CAUSE.__get__(self)
        original = vars(self).get("cause")
        return own if own is not None or original is None else original.__cause__

    @__cause__.setter
    def __cause__(self, cause: BaseException | None) -> None:
        _CAUSE.__set__(self, cause)

    def __reduce__(self) -> tuple[Any, ...]:
        cause, make_cause = self.__cause__, self.make_cause
        if make_cause is None and cause is not None:
            failure = failure_of(cause)
            make_cause = partial(rebuilt, failure.kind, failure.message, failure.error, notes_of(cause))
        return _with_cause, (type(self), self.args[0], make_cause)


class RayFailedBeforeError(RayWorkflowExecutionError, FailedBeforeError):
    """A workflow failed on Ray, and its output is asked for."""


_ON_RAY: Final[dict[type, type[RayWorkflowExecutionError]]] = {
    WorkflowExecutionError: RayWorkflowExecutionError,
    FailedBeforeError: RayFailedBeforeError,
}


def on_ray(error: BaseException) -> BaseException:
    """An error as the coordinator raises it."""
    kind = _ON_RAY.get(type(error))
    if kind is None:
        return error
    assert isinstance(error, WorkflowExecutionError)
    raised = kind(str(error))
    raised.make_cause, raised.__cause__ = error.make_cause, error.__cause__
    return raised


def in_driver(error: Any) -> BaseException:
    """An error of the coordinator's as a driver raises it: as `ray.get` does, with its own text and cause."""
    if isinstance(error, RayTaskError):
        return error  # type: ignore[no-any-return]  # untyped
    kind = _of_a_task(type(error))  # type: ignore[arg-type]  # a class is hashable
    raised = kind.__new__(kind, *error.args)
    raised.args = error.args
    vars(raised).update(vars(error))
    raised.cause, raised.__cause__ = error, error.__cause__
    return raised


@functools.cache
def _of_a_task(kind: type[Any]) -> type[_OfATask]:
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind.__name__, (_OfATask, kind, RayTaskError), named)


class _OfATask(BaseException):
    """What `in_driver` adds to an error.

    Attributes:
        cause: the error itself, where Ray looks for it when a task raises this.
    """

    cause: BaseException

    def __str__(self) -> str:
        return str(self.cause)

    def __reduce__(self) -> tuple[Any, ...]:
        return in_driver, (self.cause,)


def _with_cause(
    kind: type[RayWorkflowExecutionError], message: str, make_cause: Callable[[], BaseException] | None
) -> RayWorkflowExecutionError:
    raised = kind(message)
    raised.make_cause = make_cause
    caused(raised)
    return raised
