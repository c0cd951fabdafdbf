"""The fields that can be searched, and what they can be compared with."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.errors import SearchError
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.search.expressions import (
    And,
    Comparison,
    Condition,
    Exists,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)


class FieldKind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "a number"
    TIME = "a time"
    """Unix seconds; compared with those, or with text such as 2026-11-24 or 2026-11-24T08:30."""
    STATUS = "a status"
    METADATA = "metadata"
    """Anything that JSON has."""


_TEXT, _NUMBER, _TIME = FieldKind.TEXT, FieldKind.NUMBER, FieldKind.TIME

WORKFLOW_FIELDS: Final[Mapping[str, FieldKind]] = {
    "workflow_id": _TEXT,
    "name": _TEXT,
    "status": FieldKind.STATUS,
    "created_time": _TIME,
    "runs": _NUMBER,
    "parent": _TEXT,
    "engine": _TEXT,
    "user": _TEXT,
    "hostname": _TEXT,
    "error.type": _TEXT,
    "error.message": _TEXT,
    "error.task_id": _TEXT,
    "stats.start_time": _TIME,
    "stats.end_time": _TIME,
    "stats.duration": _NUMBER,
    "stats.cpu_time": _NUMBER,
    "stats.peak_rss": _NUMBER,
}
"""Of workflows. The last three are made of others: seconds from start to end, and of all tasks'
attempts the sum of the CPU time and the largest peak of memory."""

TASK_FIELDS: Final[Mapping[str, FieldKind]] = {
    "workflow_id": _TEXT,
    "task_id": _TEXT,
    "name": _TEXT,
    "status": FieldKind.STATUS,
    "function.module": _TEXT,
    "function.qualname": _TEXT,
    "function.source_hash": _TEXT,
    "attempts": _NUMBER,
    "output.type": _TEXT,
    "output.size": _NUMBER,
    "error.type": _TEXT,
    "error.message": _TEXT,
    "worker.host": _TEXT,
    "worker.worker_id": _TEXT,
    "stats.start_time": _TIME,
    "stats.end_time": _TIME,
    "stats.wait": _NUMBER,
    "stats.queue": _NUMBER,
    "stats.load": _NUMBER,
    "stats.compute": _NUMBER,
    "stats.store": _NUMBER,
    "stats.backoff": _NUMBER,
    "stats.cpu_time": _NUMBER,
    "stats.peak_rss": _NUMBER,
    "stats.read_bytes": _NUMBER,
    "stats.write_bytes": _NUMBER,
    "stats.exit_code": _NUMBER,
    "stats.signal": _NUMBER,
    "workflow.name": _TEXT,
    "workflow.status": FieldKind.STATUS,
    "workflow.created_time": _TIME,
}
"""Of tasks; ``stats``, ``error`` and ``worker`` are those of their last attempts."""

TYPES: Final = frozenset({"error.type", "output.type"})
"""Fields that have the name of a type."""
METADATA: Final = "user_metadata"
OF_WORKFLOW: Final = "workflow"

_ORDERING: Final = frozenset({Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST})
_TOO_LARGE: Final = 2**63
_OF_TEXT: Final = frozenset({Operator.CONTAINS, Operator.PREFIX})


@dataclass(frozen=True, slots=True)
class FieldAsked:
    """A field that there is.

    Attributes:
        kind: what it holds.
        name: by which it is known; of metadata the part before their keys.
        path: of metadata, the keys.
    """

    kind: FieldKind
    name: str
    path: tuple[str, ...] = ()


def asked(name: Name, tasks: bool, text: str | None = None) -> FieldAsked:
    """The field of a name.

    Args:
        name: as it was written.
        tasks: tasks are searched, not workflows.
        text: what the name was read from.

    Raises:
        SearchError: there is none.
    """
    parts = name.parts
    if tasks and parts[:2] == (OF_WORKFLOW, METADATA):
        metadata, path = f"{OF_WORKFLOW}.{METADATA}", parts[2:]
    elif parts[0] == METADATA:
        metadata, path = METADATA, parts[1:]
    else:
        return _plain(name, tasks, text)
    if not path:
        raise SearchError(f"which of them? A key belongs behind it: {metadata}.team", text, name.at)
    return FieldAsked(FieldKind.METADATA, metadata, path)


def _plain(name: Name, tasks: bool, text: str | None) -> FieldAsked:
    known = TASK_FIELDS if tasks else WORKFLOW_FIELDS
    written = ".".join(name.parts)
    if written in known:
        return FieldAsked(known[written], written)
    whose, others = ("tasks", "workflows") if tasks else ("workflows", "tasks")
    if written in (WORKFLOW_FIELDS if tasks else TASK_FIELDS):
        hint = f"it is one of {others}: search with tasks={not tasks}"
    else:
        path = name.parts[1:] if name.parts[0] == "metadata" and len(name.parts) > 1 else name.parts
        close = difflib.get_close_matches(written, known, n=1) or [f"{METADATA}.{'.'.join(path)}"]
        hint = f"did you mean {close[0]}? There are {', '.join([*known, f'{METADATA}.KEY'])}"
    raise SearchError(f"there is no field {str(name)!r} of {whose}; {hint}", text, name.at)


def check(condition: Condition, tasks: bool, text: str | None = None) -> None:
    """See that a condition can be asked.

    Args:
        condition: what is to be searched for.
        tasks: tasks are searched, not workflows.
        text: what it was read from.

    Raises:
        SearchError: a field that there is not, or one that can't be compared so.
    """
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check(part, tasks, text)
        case Not(part):
            check(part, tasks, text)
        case Exists(name):
            asked(name, tasks, text)
        case OneOf(name, values, at):
            for value in values:
                _check_value(asked(name, tasks, text), name, Operator.EQUAL, value, text, at, tasks)
        case Comparison(name, operator, value, at, unit):
            field = asked(name, tasks, text)
            if unit is not None and field.kind is FieldKind.TIME:
                # As Unix seconds, `created_time > 24h` is true of everything since 1970.
                day = "2026-11-24 or 2026-11-24T08:30"
                why = f"{name} is a time, and a number of {unit} is none: write {day}"
                raise SearchError(why, text, at)
            _check_value(field, name, operator, value, text, at, tasks)


def _check_value(
    field: FieldAsked,
    name: Name,
    operator: Operator,
    value: Value,
    text: str | None,
    at: int | None,
    tasks: bool,
) -> None:
    def refuse(why: str) -> None:
        raise SearchError(why, text, at)

    is_text, is_number = (
        isinstance(value, str),
        isinstance(value, int | float) and not isinstance(value, bool),
    )
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        refuse("a whole number here has at most 64 bits: write it with a point, as 1.5e30")
    if operator is Operator.PREFIX and not is_text:
        refuse(f"prefix takes text, not {value!r}")
    if operator in _ORDERING and not (is_text or is_number):
        refuse(f"{operator} compares text or numbers, not {value!r}")
    if field.kind is FieldKind.METADATA:
        return
    if value is None:
        refuse(f"{name} is never null; ask whether it exists")
    if operator in _OF_TEXT and field.kind not in (FieldKind.TEXT, FieldKind.STATUS):
        refuse(f"{operator} is for text, and {name} is {field.kind}")
    match field.kind:
        case FieldKind.TEXT if not is_text:
            refuse(f"{name} is text, and {value!r} is not")
        case FieldKind.NUMBER if not is_number:
            refuse(f"{name} is a number, and {value!r} is not")
        case FieldKind.TIME if not (is_number or is_text):
            refuse(f"{name} is a time, and {value!r} is not")
        case FieldKind.STATUS:
            statuses = TaskStatus if tasks and field.name == "status" else WorkflowStatus
            if value not in list(statuses):
                refuse(f"there is no status {value!r}; there are {', '.join(statuses)}")
            if operator not in (Operator.EQUAL, Operator.UNEQUAL):
                refuse(f"a status is equal or it is not; {operator} says nothing of it")
