"""``heliograph timeline``: what ran when, drawn."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

DEFAULT_LIMIT: Final = 40
_WIDEST: Final = 120


def timeline(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    run: Annotated[
        int | None, typer.Option(metavar="N", help="Which of its runs.", show_default="the newest")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="At most so many attempts: of the critical path, then the longest computing; 0: all.",
        ),
    ] = DEFAULT_LIMIT,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: workflow.timeline(ID).to_dict().")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Draw what ran when, and how busy the workers were."""
    from heliograph.cli import rendering
    from heliograph.cli.views.timeline import view

    open_for(context, storage, workflow_id)
    found = workflow.timeline(workflow_id, run)
    if as_json:
        rendering.print_json(found.to_dict())
        return
    if not found.bars:
        rendering.note("nothing has run yet")
        return
    console = rendering.stdout()
    rendering.output(view(found, limit, min(console.width, _WIDEST)), console)
    if limit and len(found.bars) > limit:
        words = (
            f"{limit} of {len(found.bars)} attempts are shown: of the critical path, then the longest"
            " computing; --limit 0 shows all of them"
        )
        rendering.note(words)
