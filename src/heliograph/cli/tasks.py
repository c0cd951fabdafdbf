"""``heliograph tasks``: the tasks of a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

if TYPE_CHECKING:
    from rich.console import RenderableType

DEFAULT_LIMIT: Final = 200


def tasks(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help="Only those, the last ones first: 'stats.compute > 2s'."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = DEFAULT_LIMIT,
    after: Annotated[str | None, typer.Option(metavar="PLACE", help="Go on behind there.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="What workflow.get_metadata(ID, tasks=True) returns.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """List the tasks of a workflow, dependencies first."""
    from heliograph.cli import rendering

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
        rendering.output(table(found, console.width), console)
    else:
        rendering.stderr().print("no tasks", style="dim")
    if answer["truncated"]:
        rendering.stderr().print(rendering.hint("more", f"--after {answer['after']}"))


def table(found: Sequence[dict[str, Any]], width: int, ids: bool = False) -> RenderableType:
    """Tasks as a table.

    Args:
        found: what `workflow.get_metadata` returns of them.
        width: the room there is.
        ids: say of which workflows they are.
    """
    from heliograph.cli import drawing, rendering
    from heliograph.cli.tables import Column, fitted

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
        ],
        width,
        dropped_first=("METADATA", "MEMORY", "CPU", "STORE", "WAIT", "QUEUE", "TRIES", "PROGRESS", "COMPUTE"),
        whole=("WORKFLOW", "TASK"),
    )


def _tries(task: dict[str, Any]) -> str:
    return str(len(task["attempts"])) if task["attempts"] else ""
