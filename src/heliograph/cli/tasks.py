"""``heliograph tasks``: the tasks of a workflow."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

DEFAULT_LIMIT: Final = 200


def tasks(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION", help="Only those for which it holds, newest first: 'stats.compute > 2s'."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Go on where a list was cut: the place that it told.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="What workflow.get_metadata(ID, tasks=True) returns.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """List the tasks of a workflow, dependencies first."""
    from heliograph.cli import rendering
    from heliograph.cli.views.tasks import table

    open_for(context, storage, workflow_id)
    if where is None:
        answer = workflow.get_metadata(workflow_id, tasks=True, limit=limit, after=after)
        found = answer["tasks"]
    else:
        workflow.get_status(workflow_id)
        of_it = workflow.field("workflow_id") == workflow_id
        wanted = of_it & workflow.condition(where, tasks=True)
        answer = workflow.search(wanted, limit=limit, after=after, tasks=True)
        found = answer["found"]
    if as_json:
        rendering.print_json(answer)
        return
    if found:
        console = rendering.stdout()
        rendering.output(table(found, console.width, asked=where or ""), console)
    else:
        rendering.note("no tasks")
    rendering.more(answer)
