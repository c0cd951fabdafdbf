"""Workflows on a terminal, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType

from heliograph.cli import rendering
from heliograph.cli.views import drawing
from heliograph.cli.views.tables import Column, fitted
from heliograph.records.status import WorkflowStatus


def table(found: Sequence[dict[str, Any]], now: float, width: int) -> RenderableType:
    """Workflows as a table.

    Args:
        found: what `workflow.list_metadata` returns.
        now: Unix seconds.
        width: the room there is.
    """
    progress = [metadata["progress"] for metadata in found]
    bars = [
        drawing.progress_bar(
            counts["done"], counts["total"], 10, rendering.STYLES.get(metadata["status"], "")
        )
        for metadata, counts in zip(found, progress, strict=True)
    ]
    return fitted(
        [
            Column("ID", [rendering.shown(metadata["workflow_id"]) for metadata in found]),
            Column("STATUS", [rendering.status_text(metadata["status"]) for metadata in found]),
            Column("TASKS", [f"{counts['done']}/{counts['total']}" for counts in progress], is_number=True),
            Column("PROGRESS", bars),
            Column(
                "STARTED", [rendering.moment(metadata["stats"].get("start_time"), now) for metadata in found]
            ),
            Column("TOOK", [rendering.duration(_took(metadata, now)) for metadata in found], is_number=True),
            Column("NAME", [rendering.shown(one["name"]) for one in found], least=12, is_name=True),
            Column(
                "METADATA", [rendering.compact(metadata["user_metadata"]) for metadata in found], least=12
            ),
            Column("ERROR", [rendering.error_words(metadata.get("error")) for metadata in found], least=18),
        ],
        width,
        dropped_first=("METADATA", "PROGRESS", "NAME", "TOOK", "STARTED", "ERROR", "TASKS"),
        whole=("ID",),
    )


def _took(metadata: dict[str, Any], now: float) -> float | None:
    """Seconds from start to end; to now, while it runs."""
    stats = metadata["stats"]
    end = now if metadata["status"] is WorkflowStatus.RUNNING else stats.get("end_time")
    return None if "start_time" not in stats or end is None else max(end - stats["start_time"], 0.0)
