"""``heliograph compare``: what differs between two workflows."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import workflows
from heliograph.cli.storage import StorageOption, open_for


def compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="A", help="A workflow.", autocompletion=workflows)],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.", autocompletion=workflows)],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: workflow.compare(A, B).to_dict().")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Show what differs between two workflows. The biggest changes come first."""
    from heliograph.cli import rendering
    from heliograph.cli.views.comparison import view

    open_for(context, storage, first)
    found = workflow.compare(first, second)
    if as_json:
        rendering.print_json(found.to_dict())
        return
    console = rendering.stdout()
    rendering.output(view(found, console.width), console)
