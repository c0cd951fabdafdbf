"""A change of a workflow, as those who watch it are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple


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


class Cursor(NamedTuple):
    """From where a watch goes on among the changes of a workflow; as text: ``"7:12.3"``.

    Attributes:
        workflow: the key of the workflow: another one of its id, once it is deleted, has another.
        number: of the first commit of which not all changes are known.
        place: so many of that commit's changes are known.
    """

    workflow: int
    number: int
    place: int

    def __str__(self) -> str:
        return f"{self.workflow}:{self.number}.{self.place}"


_CURSOR: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18})\.([0-9]{1,18})")
"""Databases take no larger numbers."""


def parse_cursor(text: object) -> Cursor:
    """The cursor that is written so.

    Raises:
        TypeError, ValueError: none is.

    >>> parse_cursor("7:12.3")
    Cursor(workflow=7, number=12, place=3)
    """
    if not isinstance(text, str):
        raise TypeError(f"a cursor is a str that a change or get_metadata(tasks=True) gave, not {text!r}")
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no cursor: take what a change or get_metadata(tasks=True) gave")
    return Cursor(*map(int, found.groups()))


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        workflow: the key of the workflow.
        number: of the commit that made it, counted within the workflow from 1; 0: its submission.
        place: its place among the changes of that commit, from 1.
        run: of which run.
        time: when it was stored; of what a task said, when it said it. Unix seconds.
        kind: what changed.
        what: more of it; see the kinds.
        task_id: of which task, if of one.
        attempt: of which of its attempts, if of one.
    """

    workflow: int
    number: int
    place: int
    run: int
    time: float
    kind: ChangeKind
    what: Mapping[str, Any] = field(default_factory=dict)
    task_id: str | None = None
    attempt: int | None = None

    @property
    def cursor(self) -> Cursor:
        """From where a watch goes on behind it."""
        return Cursor(self.workflow, self.number, self.place)


def change_metadata(change: Change) -> dict[str, Any]:
    """A change as a dict."""
    known = {"task_id": change.task_id, "attempt": change.attempt, **change.what}
    return {
        "cursor": str(change.cursor),
        "time": change.time,
        "run": change.run,
        "kind": change.kind,
        # Of a metric that was not finite there is no value, and that is what it says.
        **{key: value for key, value in known.items() if value is not None or key == "value"},
    }
