"""A change of a workflow, as who watches it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class ChangeKind(StrEnum):
    """What changed."""

    RUN = "run"
    """A run has a new ``status``. With a later run than before, tasks that did not succeed are PENDING."""
    ADDED = "added"
    """A continuation added tasks: ``task_ids``."""
    TASK = "task"
    """A task has a new ``status``."""
    ATTEMPT = "attempt"
    """An attempt ended otherwise than well: its ``status``."""
    METADATA = "metadata"
    """Keys of user metadata have new values: ``update``; without a task: of the workflow itself."""
    PROGRESS = "progress"
    """A task got on: ``done``, ``total``, ``message``."""
    LINE = "line"
    """A task logged ``text``."""
    METRIC = "metric"
    """A metric ``key`` has a ``value`` (None: not a finite one), at a ``step``."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        number: of the commit that made it, counted within the workflow from 1; 0: its submission.
        place: its place among the changes of that commit, from 1.
        run: of which run.
        time: when it was stored; of what a task said, when it said it. Unix seconds.
        kind: what changed.
        what: more of it; see the kinds.
        task_id: of which task, if of one.
        attempt: of which of its attempts, if of one.
    """

    number: int
    place: int
    run: int
    time: float
    kind: ChangeKind
    what: Mapping[str, Any] = field(default_factory=dict)
    task_id: str | None = None
    attempt: int | None = None

    @property
    def cursor(self) -> str:
        """Text from which a watch goes on behind it."""
        return f"{self.number}.{self.place}"


def change_metadata(change: Change) -> dict[str, Any]:
    """A change as a dict."""
    known = {"task_id": change.task_id, "attempt": change.attempt, **change.what}
    return {
        "cursor": change.cursor,
        "time": change.time,
        "run": change.run,
        "kind": change.kind,
        # Of a metric that was not finite there is no value, and that is what it says.
        **{key: value for key, value in known.items() if value is not None or key == "value"},
    }


_MOST_DIGITS: Final = 18
"""Databases take no larger numbers."""


def place_of(cursor: object) -> tuple[int, int]:
    """The number and the place that a cursor names: all until there is known.

    Raises:
        TypeError, ValueError: it is no cursor.

    >>> place_of("12.3"), place_of("7")
    ((12, 3), (8, 0))
    """
    if not isinstance(cursor, str):
        raise TypeError(f"a cursor is a str that a change or get_metadata(tasks=True) gave, not {cursor!r}")
    number, dot, place = cursor.partition(".")
    digits = number + place
    are_numbers = digits.isascii() and number.isdigit() and (place.isdigit() or not dot)
    if not are_numbers or max(len(number), len(place)) > _MOST_DIGITS:
        raise ValueError(f"{cursor!r} is no cursor: take what a change or get_metadata(tasks=True) gave")
    return (int(number), int(place)) if dot else (int(number) + 1, 0)
