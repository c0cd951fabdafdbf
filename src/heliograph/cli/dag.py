"""``heliograph dag``: the tasks of a workflow and what they need, as a tree or for a program that draws."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

DEFAULT_LIMIT: Final = 200


def dag(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="For a program that draws: dot (Graphviz) or mermaid.",
            show_default="a tree",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many lines of the tree; 0: all.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON list: of each task its id, status, time and needs.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Draw the tasks as a tree, each above those it needs."""
    from heliograph.cli import rendering
    from heliograph.cli.views.dag import view

    if to not in (None, "dot", "mermaid"):
        raise typer.BadParameter(f"there is no format {to!r}; there are dot, mermaid")
    open_for(context, storage, workflow_id)
    if to is not None:
        rendering.raw(workflow.export(workflow_id, to).blocks())
        return
    tasks = workflow.get_tasks(workflow_id)
    if as_json:
        rendering.print_json([_fact(task) for task in tasks])
        return
    console = rendering.stdout()
    tree, left_out = view(tasks, limit, console.width)
    rendering.output(tree, console)
    if left_out:
        words = f"the tree is cut after {limit} lines; --limit 0 shows all of it"
        rendering.note(words)


def _fact(task: dict[str, Any]) -> dict[str, Any]:
    kept = ("task_id", "status", "workflow_refs", "creator")
    stats = {key: task["stats"][key] for key in ("start_time", "end_time") if key in task["stats"]}
    return {key: task[key] for key in kept if key in task} | stats
