"""``heliograph estimate``: how long a workflow will take yet."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for


def estimate(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: workflow.estimate(ID).to_dict().")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Tell how much longer a workflow will take. It goes by earlier tasks of the same functions."""
    from heliograph.cli import rendering

    open_for(context, storage, workflow_id)
    found = workflow.estimate(workflow_id)
    if as_json:
        rendering.print_json(found.to_dict())
        return
    rendering.write(f"{found.done} of {found.total} tasks are over")
    if found.left is None or found.low is None or found.high is None:
        rendering.write("time left: not known, as no task of these functions has ever ended")
        return
    if found.done < found.total:
        low, left, high = map(rendering.duration, (found.low, found.left, found.high))
        bounds = f", between {low} and {high}" if low != high else ""
        rendering.write(f"time left: {left}{bounds} ({found.workers} at once)")
    if found.unknown:
        names = ", ".join(rendering.shown(name) for name in found.unknown)
        rendering.write(f"never seen before, taken to be as the others or slower: {names}")
