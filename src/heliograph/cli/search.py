"""``heliograph search``: workflows and tasks for which a condition holds, or how many are of each kind."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.storage import StorageOption, chosen, open_to_read

DEFAULT_LIMIT: Final = 50


def search(
    context: typer.Context,
    condition: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONDITION",
            help="Such as 'status = FAILED and created_time > now - 24h'. Default: all are found.",
        ),
    ] = None,
    tasks: Annotated[bool, typer.Option("--tasks", help="Search tasks, not workflows.")] = False,
    order_by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Sort by it, the smallest first; -FIELD: the largest.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Go on where a list was cut: the place that it told.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Group by it, and count; can be given again."),
    ] = None,
    of: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD", help="Sum, mean and percentiles of it, for each group; can be given again."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="What workflow.search or workflow.summarize returns.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Search workflows, or tasks of all workflows, the newest first."""
    from heliograph.cli import rendering
    from heliograph.cli.views import groups, workflows
    from heliograph.cli.views import tasks as tasks_view

    where = " ".join(condition or ())  # one word in quotes; without them, several
    is_grouped = bool(by or of)
    answer: Any = [] if is_grouped else {"found": [], "truncated": False}
    if open_to_read(chosen(context, storage)):
        if is_grouped:
            answer = list(workflow.summarize(by or (), of or (), where=where, tasks=tasks))
        else:
            answer = workflow.search(where, order_by, limit, after, tasks=tasks)
    if as_json:
        rendering.print_json(answer)
        return
    console, now = rendering.stdout(), time.time()
    found = answer if is_grouped else answer["found"]
    if not found:
        rendering.note("nothing found")
    elif is_grouped:
        kinds = workflow.search_fields(tasks=tasks)
        rendering.output(groups.table(found, by or (), of or (), kinds, now, console.width), console)
    elif tasks:
        rendering.output(
            tasks_view.table(found, console.width, ids=True, asked=f"{where} {order_by}"), console
        )
    else:
        rendering.output(workflows.table(found, now, console.width), console)
    if not is_grouped:
        rendering.more(answer)
