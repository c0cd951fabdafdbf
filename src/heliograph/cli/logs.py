"""``heliograph logs``: what the tasks of a workflow logged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from heliograph import workflow
from heliograph.cli.completion import TaskArgument, WorkflowArgument
from heliograph.cli.paging import all_said
from heliograph.cli.storage import StorageOption, open_for


def logs(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    task: TaskArgument = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until the workflow ends.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document a line.")] = False,
    storage: StorageOption = None,
) -> None:
    """Print what the tasks of a workflow logged, in order."""
    from heliograph.cli import rendering

    open_for(context, storage, workflow_id)
    is_empty = True
    for line in _followed(workflow_id, task) if follow else all_said(workflow.get_logs, workflow_id, task):
        is_empty = False
        if as_json:
            text = json.dumps(line, ensure_ascii=True)
        else:
            lead = f"{rendering.clock(line['time'])}  "
            names = "" if task is not None else f"{rendering.shown(line['task_id'])}: "
            # Indented, what follows in a text of several lines is not taken for another task's.
            text = lead + names + rendering.shown_lines(line["text"]).replace("\n", "\n" + " " * len(lead))
        if not rendering.write(text):
            break
    if is_empty and not as_json:
        words = "nothing was logged: tasks log with workflow.current().log(text); what they print is not kept"
        rendering.note(words)


def _followed(workflow_id: str, task: str | None) -> Iterator[dict[str, Any]]:
    if task is not None:
        workflow.get_metadata(workflow_id, name=task)
    for change in workflow.watch(workflow_id):
        if change["kind"] == "line" and task in (None, change["task_id"]):
            yield change
