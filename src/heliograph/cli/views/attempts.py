"""Attempts on a terminal, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType

from heliograph.cli import rendering
from heliograph.cli.views.tables import Column, fitted


def table(attempts: Sequence[dict[str, Any]], now: float, width: int) -> RenderableType:
    """Attempts as a table.

    Args:
        attempts: what `workflow.history` returns of them.
        now: Unix seconds.
        width: the room there is.
    """
    durations = [attempt["durations"] for attempt in attempts]
    begun = [attempt["phases"].get("started") for attempt in attempts]
    errors = [attempt.get("error") for attempt in attempts]
    workers = [attempt.get("worker", {}).get("worker_id", "") for attempt in attempts]
    return fitted(
        [
            Column("TASK", [rendering.shown(attempt["task_id"]) for attempt in attempts]),
            Column("TRY", [str(attempt["attempt"]) for attempt in attempts], is_number=True),
            Column("RUN", [str(attempt["run"]) for attempt in attempts], is_number=True),
            Column("STATUS", [rendering.status_text(attempt["status"]) for attempt in attempts]),
            Column("STARTED", [rendering.moment(when, now) for when in begun]),
            Column("COMPUTE", [rendering.duration(one.get("compute")) for one in durations], is_number=True),
            Column("WORKER", [rendering.shown(worker) for worker in workers]),
            Column("ERROR", [rendering.error_words(error) for error in errors], least=12),
        ],
        width,
        dropped_first=("WORKER", "STARTED", "RUN", "ERROR"),
        whole=("TASK",),
    )
