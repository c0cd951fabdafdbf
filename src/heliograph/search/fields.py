"""The fields that can be searched, and what they can be compared with."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.errors import SearchError
from heliograph.search.expressions import Name


class FieldKind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "a number"
    SECONDS = "a number of seconds"
    BYTES = "a number of bytes"
    TIME = "a time"
    """Unix seconds; compared with those, or with text such as 2026-11-24T08:30 or now - 24h."""
    STATUS = "a status"
    METADATA = "metadata"
    """Anything that JSON has."""


_TEXT, _NUMBER, _TIME = FieldKind.TEXT, FieldKind.NUMBER, FieldKind.TIME
_SECONDS, _BYTES = FieldKind.SECONDS, FieldKind.BYTES

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
    "stats.duration": _SECONDS,
    "stats.cpu_time": _SECONDS,
    "stats.peak_rss": _BYTES,
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
    "output.size": _BYTES,
    "error.type": _TEXT,
    "error.message": _TEXT,
    "worker.host": _TEXT,
    "worker.worker_id": _TEXT,
    "stats.start_time": _TIME,
    "stats.end_time": _TIME,
    "stats.wait": _SECONDS,
    "stats.queue": _SECONDS,
    "stats.load": _SECONDS,
    "stats.compute": _SECONDS,
    "stats.store": _SECONDS,
    "stats.backoff": _SECONDS,
    "stats.cpu_time": _SECONDS,
    "stats.peak_rss": _BYTES,
    "stats.start_rss": _BYTES,
    "stats.read_bytes": _BYTES,
    "stats.write_bytes": _BYTES,
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
        hint = (
            f"it is one of {others}: search with tasks={not tasks}, {'without' if tasks else 'with'} --tasks"
        )
    else:
        is_meant = bool(difflib.get_close_matches(name.parts[0], ("metadata", METADATA), cutoff=0.8))
        path = name.parts[1:] if is_meant and len(name.parts) > 1 else name.parts
        close = difflib.get_close_matches(written, known, n=1) or [f"{METADATA}.{'.'.join(path)}"]
        hint = f"did you mean {close[0]}? There are {', '.join([*known, f'{METADATA}.KEY'])}"
    raise SearchError(f"there is no field {str(name)!r} of {whose}; {hint}", text, name.at)
