"""Tasks on a terminal, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from heliograph.cli import rendering
from heliograph.cli.views import drawing
from heliograph.cli.views.tables import Column, fitted
from heliograph.records.status import TaskStatus

_MEASURED: Final = ("MEMORY", "CPU", "STORE", "WAIT", "QUEUE")
_DROPPED_FIRST: Final = ("METADATA", *_MEASURED, "TRIES", "PROGRESS", "COMPUTE", "ERROR")
_FIELDS: Final = {
    "attempts": "TRIES",
    "stats.wait": "WAIT",
    "stats.queue": "QUEUE",
    "stats.compute": "COMPUTE",
    "stats.store": "STORE",
    "stats.cpu_time": "CPU",
    "stats.peak_rss": "MEMORY",
}
"""The columns of fields that a search may ask about."""


def table(found: Sequence[dict[str, Any]], width: int, ids: bool = False, asked: str = "") -> RenderableType:
    """Tasks as a table.

    Args:
        found: what `workflow.get_metadata` returns of them.
        width: the room there is.
        ids: say of which workflows they are.
        asked: what was searched for and ordered by; the columns of fields in it are dropped last.
    """
    wanted = {title for field, title in _FIELDS.items() if field in asked}
    stats = [task["stats"] for task in found]

    def seconds(name: str) -> Column:
        return Column(name.upper(), [rendering.duration(one.get(name)) for one in stats], is_number=True)

    workflows = [Column("WORKFLOW", [rendering.shown(task["workflow_id"]) for task in found])] if ids else []
    return fitted(
        [
            *workflows,
            Column("TASK", [rendering.shown(task["task_id"]) for task in found]),
            Column("STATUS", [rendering.status_text(task["status"]) for task in found]),
            Column("TRIES", [_tries(task) for task in found], is_number=True),
            Column("PROGRESS", [drawing.task_progress(task.get("progress")) for task in found], least=12),
            seconds("wait"),
            seconds("queue"),
            seconds("compute"),
            seconds("store"),
            Column("CPU", [rendering.duration(one.get("cpu_time")) for one in stats], is_number=True),
            Column("MEMORY", [rendering.size(one.get("peak_rss")) for one in stats], is_number=True),
            Column("METADATA", [rendering.compact(task["user_metadata"]) for task in found], least=12),
            Column("ERROR", [_error(task) for task in found], least=18),
        ],
        width,
        dropped_first=sorted(_DROPPED_FIRST, key=wanted.__contains__),
        whole=("WORKFLOW", "TASK"),
    )


def _error(task: dict[str, Any]) -> Text:
    """Its error; or the exception that was caught, and is its output."""
    attempts = task["attempts"]
    if "error" in task or task["status"] != TaskStatus.SUCCESSFUL or not attempts:
        return rendering.error_words(task.get("error"))
    caught = attempts[-1].get("error")
    return Text("caught ", "dim") + rendering.error_words(caught) if caught else Text()


def _tries(task: dict[str, Any]) -> str:
    return str(len(task["attempts"])) if task["attempts"] else ""
