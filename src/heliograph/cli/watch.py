"""``heliograph watch``: a workflow as it goes on: a live tree on a terminal, a line a change elsewhere."""

from __future__ import annotations

import json
import time
from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

_REFRESH_SECONDS: Final = 0.1


def watch(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Only what changed after there, as --json tells it.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON document a line: what workflow.watch gives.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Watch a workflow until it ends. It goes on when this command is stopped."""
    from heliograph.cli import rendering
    from heliograph.cli.views.changes import told

    open_for(context, storage, workflow_id)
    if as_json or not rendering.is_terminal():
        for change in workflow.watch(workflow_id, after):
            line = json.dumps(change, ensure_ascii=True) if as_json else told(change)
            if not rendering.write(line):
                break
    else:
        _live(workflow_id, after)


def _live(workflow_id: str, after: str | None) -> None:
    from rich.live import Live

    from heliograph.cli import rendering
    from heliograph.cli.views.changes import Seen, tree

    seen, console, changes = Seen(), rendering.stdout(), workflow.watch(workflow_id, after)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            is_over = changes.is_over  # then what is drawn now is the end
            metadata = workflow.get_metadata(workflow_id)
            for change in changes.now():
                seen.take(change)
            live.update(tree(metadata, seen, time.time()), refresh=True)
            if is_over:
                break
            time.sleep(_REFRESH_SECONDS)
