"""Progress by counting: through an iterable, or by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar, overload

from heliograph.records.context import Current, current

T = TypeVar("T")


class Steps(Generic[T]):
    """Counts what a task has done, and reports it; what `workflow.progress` returns.

    Args:
        items: what to go through. None: `advance` counts.
        total: how much there is to do. None: the number of items, if they have a length.
        message: what is being done.

    Attributes:
        done: how much is done.
        total: how much there is to do. None: not known.
        message: reported with the next step; may be set.

    Raises:
        RuntimeError: this code is not run by a task.
        TypeError, ValueError: the total is not valid.
    """

    def __init__(
        self, items: Iterable[T] | None = None, total: float | None = None, message: str | None = None
    ) -> None:
        self._current: Current = current()
        self._items = items
        self.done = 0.0
        self.total = _length(items) if total is None else total
        self.message = message
        self._say()

    def advance(self, by: float = 1) -> None:
        """Report that so much more is done."""
        self.done += by
        self._say()

    def __iter__(self) -> Iterator[T]:
        if self._items is None:
            raise TypeError("progress() was given nothing to go through: give it items, or call advance()")
        for item in self._items:
            yield item
            self.advance()

    def __enter__(self) -> Steps[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say()

    def _say(self) -> None:
        done = int(self.done) if self.done == int(self.done) else self.done
        self._current.progress(done, self.total, self.message)


def _length(items: object) -> int | None:
    return len(items) if hasattr(items, "__len__") else None


@overload
def progress(items: Iterable[T], total: float | None = None, message: str | None = None) -> Steps[T]: ...
@overload
def progress(items: None = None, total: float | None = None, message: str | None = None) -> Steps[Any]: ...
def progress(
    items: Iterable[T] | None = None, total: float | None = None, message: str | None = None
) -> Steps[T]:
    """Go through items in a task, and report the progress of the task after each; every process can see it.

    Args:
        items: what to go through. None: count by hand, ``with progress(total=9) as it: it.advance(2)``.
        total: how much there is to do. None: the number of items, if they have a length.
        message: what is being done; ``.message`` changes it.

    Returns:
        The items, to go through; it is a context manager as well.

    Raises:
        RuntimeError: this code is not run by a task.
        TypeError, ValueError: the total is not valid.

    >>> from heliograph import workflow
    >>> @workflow.task
    ... def double(numbers: list[int]) -> list[int]:
    ...     return [2 * number for number in workflow.progress(numbers)]
    >>> workflow.run(double.bind([1, 2, 3]), workflow_id="progress_example")
    [2, 4, 6]
    >>> task = workflow.get_metadata("progress_example", tasks=True)["tasks"][0]
    >>> task["progress"]["done"], task["progress"]["total"]
    (3, 3)
    """
    return Steps(items, total, message)
