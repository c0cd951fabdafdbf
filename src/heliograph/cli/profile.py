"""``heliograph profile``: where the time of a workflow went."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for


def profile(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    run: Annotated[
        int | None, typer.Option(metavar="N", help="Which of its runs.", show_default="the newest")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: workflow.profile(ID).to_dict().")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Show where a workflow's time went: bottlenecks, critical path."""
    from heliograph.cli import rendering
    from heliograph.cli.views.profile import view

    open_for(context, storage, workflow_id)
    found = workflow.profile(workflow_id, run)
    if as_json:
        rendering.print_json(found.to_dict())
        return
    console = rendering.stdout()
    rendering.output(view(found, console.width), console)
