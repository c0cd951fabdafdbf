"""What the search box offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from heliograph import workflow
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.web.writing import literal, metadata_field

_MOST_VALUES: Final = 20
_LONGEST: Final = 60
_TIME: Final = "a time"
"""What `workflow.search_fields` says of a field that holds one."""
_TIMES: Final = ["now - 1h", "now - 24h", "now - 7d"]


def completions(rows: Iterable[Mapping[str, Any]], *, tasks: bool) -> dict[str, Any]:
    """Fields, and values of some of them: statuses, times, and the metadata of what the page shows.

    Args:
        rows: workflows or tasks, as a search gives them.
        tasks: whether they are tasks.
    """
    values: dict[str, dict[str, None]] = {}
    for row in rows:
        for key, value in row["user_metadata"].items():
            known = values.setdefault(metadata_field(key), {})
            if (
                isinstance(value, str | int | float)
                and len(str(value)) <= _LONGEST
                and len(known) < _MOST_VALUES
            ):
                known[literal(value)] = None
    fields = workflow.search_fields(tasks=tasks)
    times = {field: _TIMES for field, kind in fields.items() if kind == _TIME}
    statuses = [status.value for status in (TaskStatus if tasks else WorkflowStatus)]
    return {
        "fields": [*fields, *values],
        "values": {"status": statuses, **times, **{field: sorted(known) for field, known in values.items()}},
    }
