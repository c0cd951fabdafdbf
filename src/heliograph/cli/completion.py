"""What a shell offers behind the Tab key: ids of workflows, of tasks, formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.storage import open_to_read
from heliograph.errors import WorkflowError

_MOST: Final = 100


def workflows(context: typer.Context, incomplete: str) -> list[str]:
    """Ids that begin so, the newest first."""
    return list(_offered(context, incomplete, None))


def tasks(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of tasks of the workflow that is on the command line."""
    return list(_offered(context, incomplete, context.params.get("workflow_id")))


def _offered(context: typer.Context, incomplete: str, workflow_id: str | None) -> Iterator[str]:
    # The callback of `heliograph` itself has not run: its own --storage is where it was parsed.
    shared = context.parent.params.get("storage") if context.parent is not None else None
    place = context.params.get("storage") or shared
    try:
        if not open_to_read(place):
            return
        if workflow_id is None:
            wanted = workflow.field("workflow_id").startswith(incomplete)
            for found in workflow.search(wanted if incomplete else None, limit=_MOST)["found"]:
                yield found["workflow_id"]
        else:
            its = workflow.field("workflow_id") == workflow_id
            wanted = its & workflow.field("task_id").startswith(incomplete) if incomplete else its
            for found in workflow.search(wanted, limit=_MOST, tasks=True)["found"]:
                yield found["task_id"]
    except (WorkflowError, ValueError):
        return  # a shell can show no error here; the command itself will say it


WorkflowArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The workflow.", autocompletion=workflows)
]
TaskArgument = Annotated[
    str | None,
    typer.Argument(metavar="TASK", help="One of its tasks.", show_default=False, autocompletion=tasks),
]
