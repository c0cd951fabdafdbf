"""``heliograph history``: the runs and attempts of a workflow, over all time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

if TYPE_CHECKING:
    from rich.console import RenderableType

DEFAULT_LIMIT: Final = 100


def history(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many attempts.")] = DEFAULT_LIMIT,
    after: Annotated[str | None, typer.Option(metavar="PLACE", help="The attempts behind there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What workflow.history returns.")] = False,
    storage: StorageOption = None,
) -> None:
    """Show every run of a workflow and every attempt of its tasks."""
    from rich.console import Group
    from rich.text import Text

    from heliograph.cli import rendering
    from heliograph.cli.views.workflow import runs_table

    open_for(context, storage, workflow_id)
    answer = workflow.history(workflow_id, limit=limit, after=after)
    if as_json:
        rendering.print_json(answer)
        return
    console, now = rendering.stdout(), time.time()
    runs = runs_table(workflow.get_status(workflow_id), answer["runs"], now, console.width)
    parts = [Text("Runs", "bold"), runs]
    if answer["attempts"]:
        parts += [Text(), Text("Attempts", "bold"), _table(answer["attempts"], now, console.width)]
    rendering.output(Group(*parts), console)
    if answer["truncated"]:
        rendering.stderr().print(rendering.hint("more", f"--after {answer['after']}"))


def _table(attempts: Sequence[dict[str, Any]], now: float, width: int) -> RenderableType:
    from heliograph.cli import rendering
    from heliograph.cli.views.tables import Column, fitted

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
        dropped_first=("WORKER", "ERROR", "STARTED", "RUN"),
        whole=("TASK",),
    )
