"""``heliograph metrics``: what the tasks of a workflow measured themselves."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import TaskArgument, WorkflowArgument
from heliograph.cli.paging import all_said
from heliograph.cli.storage import StorageOption, open_for

DEFAULT_LIMIT: Final = 200


def metrics(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    task: TaskArgument = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many lines of the table; 0: all.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Every value: a JSON document a line.")] = False,
    storage: StorageOption = None,
) -> None:
    """Show the metrics that the tasks of a workflow reported."""
    from heliograph.cli import rendering
    from heliograph.cli.views.metrics import series_of, table

    open_for(context, storage, workflow_id)
    values = all_said(workflow.get_metrics, workflow_id, task)
    if as_json:
        for value in values:
            if not rendering.write(json.dumps(value, ensure_ascii=True)):
                break
        return
    series = series_of(values)
    if not series:
        rendering.note("no metrics were reported: tasks do so with workflow.current().metric(key, value)")
        return
    console = rendering.stdout()
    rendering.output(table(series[: limit or None], console.width, ids=task is None), console)
    if 0 < limit < len(series):
        rendering.note(f"the first {limit} of {len(series)} are shown; --limit 0 shows all of them")
