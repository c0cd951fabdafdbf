"""``heliograph cancel`` and ``delete``: workflows that are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import workflows
from heliograph.cli.storage import StorageOption, open_for

_Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The workflows.", autocompletion=workflows)]


def cancel(context: typer.Context, workflow_ids: _Ids, storage: StorageOption = None) -> None:
    """Cancel workflows. Their checkpoints stay: they can be resumed."""
    _each(context, workflow_ids, storage, workflow.cancel, "cancelled")


def delete(context: typer.Context, workflow_ids: _Ids, storage: StorageOption = None) -> None:
    """Delete workflows and all that was stored of them. Active ones have to be cancelled first."""
    _each(context, workflow_ids, storage, workflow.delete, "deleted")


def _each(
    context: typer.Context,
    workflow_ids: list[str],
    storage: str | None,
    do: Callable[[str], None],
    done: str,
) -> None:
    from heliograph.cli import rendering

    open_for(context, storage, workflow_ids[0])
    for workflow_id in workflow_ids:
        do(workflow_id)
        rendering.write(f"{done} {rendering.shown(workflow_id)}")
