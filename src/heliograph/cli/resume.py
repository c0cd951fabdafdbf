"""``heliograph resume``: go on with a workflow, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.importing import import_from_here
from heliograph.cli.storage import StorageOption, open_for


def resume(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="At its end, what workflow.get_metadata returns.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Resume a workflow from its checkpoints, until it ends.

    It runs in this process: stopped with it, it can be resumed again. The modules of its tasks are
    looked for in the current folder too.
    """
    from heliograph.cli import rendering

    open_for(context, storage, workflow_id)
    import_from_here()
    try:
        future = workflow.resume_async(workflow_id)
    except RuntimeError as error:  # somebody has it
        raise workflow.WorkflowNotResumableError(str(error)) from error
    future.result()
    if as_json:
        rendering.print_json(workflow.get_metadata(workflow_id))
    else:
        rendering.write(f"{rendering.shown(workflow_id)} is {workflow.get_status(workflow_id)}")
