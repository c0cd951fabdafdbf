"""``heliograph trend``: how functions do over time, and what got slower."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.storage import StorageOption, chosen, open_to_read

if TYPE_CHECKING:
    from heliograph.insight.trend import Trend

DEFAULT_LIMIT: Final = 20


def trend(
    context: typer.Context,
    function: Annotated[
        str | None,
        typer.Argument(
            metavar="FUNCTION", help="One of them, dotted, by workflow. Default: all.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Look at the newest N workflows that have a function.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[
        bool, typer.Option("--json", help="workflow.trend(FUNCTION).to_dict(), or a list of these.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Show which functions got slower, and since when."""
    from heliograph.cli import rendering
    from heliograph.cli.views import trend as view

    is_there = open_to_read(chosen(context, storage))
    if function is not None:
        if not is_there:
            raise workflow.WorkflowNotFoundError(f"no workflow has run a function {function!r}")
        found = [workflow.trend(function, limit)]
    else:
        found = _all(limit) if is_there else []
    if as_json:
        told = [one.to_dict() for one in found]
        rendering.print_json(told if function is None else told[0])
        return
    console = rendering.stdout()
    if function is not None:
        rendering.output(view.by_workflow(found[0], time.time(), console.width), console)
    elif found:
        rendering.output(view.table(found, console.width), console)
    else:
        rendering.note("no function has run yet")


def _all(limit: int) -> list[Trend]:
    """What has got worse first, the worst of it before all; the rest by name."""
    found = []
    for name in workflow.functions():
        try:
            found.append(workflow.trend(name, limit))
        except workflow.WorkflowNotFoundError:  # no task of it has run yet
            continue
    return sorted(found, key=worst_first)


def worst_first(trend: Trend) -> tuple[float, float]:
    """By how many seconds more all its attempts in a workflow take, then by how much more memory.

    What went from a microsecond to ten is ten times slower, and of no weight unless there are very many.
    """
    compute, memory = trend.compute, trend.memory
    slower = 0.0 if compute is None else (compute.before - compute.now) * trend.runs[-1].attempts
    larger = 0.0 if memory is None else memory.before - memory.now
    return min(slower, 0.0), min(larger, 0.0)
