"""``heliograph search``: workflows and tasks for which a condition holds, or how many are of each kind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.storage import StorageOption, chosen, open_to_read

DEFAULT_LIMIT: Final = 50


def search(
    context: typer.Context,
    where: Annotated[
        str,
        typer.Argument(
            metavar="CONDITION", help="Such as 'status = FAILED and created_time > now - 24h'; '' finds all."
        ),
    ],
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
    from heliograph.cli.views.tasks import table as task_table
    from heliograph.cli.views.workflows import table

    is_there = open_to_read(chosen(context, storage))
    if by or of:
        groups = workflow.summarize(by or (), of or (), where=where, tasks=tasks) if is_there else []
        _show_groups(groups, by or [], of or [], as_json)
        return
    answer: dict[str, Any] = {"found": [], "truncated": False}
    if is_there:
        answer = workflow.search(where, order_by, limit, after, tasks=tasks)
    if as_json:
        rendering.print_json(answer)
        return
    console = rendering.stdout()
    if not answer["found"]:
        rendering.note("nothing found")
    elif tasks:
        rendering.output(task_table(answer["found"], console.width, ids=True), console)
    else:
        rendering.output(table(answer["found"], time.time(), console.width), console)
    rendering.more(answer)


def _show_groups(groups: Sequence[dict[str, Any]], by: list[str], of: list[str], as_json: bool) -> None:
    from heliograph.cli import rendering
    from heliograph.cli.views.groups import table as groups_table

    if as_json:
        rendering.print_json(list(groups))
    elif groups:
        console = rendering.stdout()
        rendering.output(groups_table(groups, by, of, console.width), console)
    else:
        rendering.note("nothing found")
