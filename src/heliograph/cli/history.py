"""``heliograph history``: the runs and attempts of a workflow, over all time."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

DEFAULT_LIMIT: Final = 100


def history(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many attempts.")] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Go on where a list was cut: the place that it told.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What workflow.history returns.")] = False,
    storage: StorageOption = None,
) -> None:
    """Show every run of a workflow and every attempt of its tasks."""
    from rich.console import Group
    from rich.text import Text

    from heliograph.cli import rendering
    from heliograph.cli.views.attempts import table
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
        parts += [Text(), Text("Attempts", "bold"), table(answer["attempts"], now, console.width)]
    rendering.output(Group(*parts), console)
    rendering.more(answer)
