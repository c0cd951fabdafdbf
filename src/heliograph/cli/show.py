"""``heliograph show``: one workflow, or one of its tasks."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import TaskArgument, WorkflowArgument
from heliograph.cli.storage import StorageOption, command, named, open_for
from heliograph.records.status import TaskStatus

_NAMED_WAITING: Final = 3


def show(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    task: TaskArgument = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: what workflow.get_metadata returns.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Show what is known of a workflow, or of one of its tasks."""
    from heliograph.cli import rendering

    place = open_for(context, storage, workflow_id)
    metadata = workflow.get_metadata(workflow_id, task)
    if as_json:
        rendering.print_json(metadata)
        return
    console = rendering.stdout()
    if task is None:
        from heliograph.cli.views.workflow import view

        metadata["storage"] = named(place)  # who starts a worker on it has to say where values are, too
        history = workflow.get_history(workflow_id)
        attempts = workflow.table(workflow_id, "attempts").columns
        waiting = _waiting(workflow_id) if metadata["progress"]["by_status"].get(TaskStatus.WAITING) else []
        more = partial(command, place, "show", workflow_id)
        parts = view(metadata, history, attempts, waiting, more, time.time(), console.width)
    else:
        from heliograph.cli.views.task import view as task_view

        logged = [] if metadata["attempts"] else workflow.get_logs(workflow_id, task)
        status = workflow.get_status(workflow_id)
        parts = task_view(workflow_id, status, metadata, logged, time.time(), console.width)
    rendering.output(parts, console)


def _waiting(workflow_id: str) -> list[dict[str, Any]]:
    """The first tasks that wait."""
    field = workflow.field
    wait = (field("workflow_id") == workflow_id) & (field("status") == TaskStatus.WAITING)
    found: list[dict[str, Any]] = workflow.search(wait, limit=_NAMED_WAITING, tasks=True)["found"]
    return found
