"""``heliograph cancel`` and ``delete``: workflows that are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import workflows
from heliograph.cli.storage import StorageOption, open_for

_Ids = Annotated[list[str], typer.Argument(metavar="ID", help="The workflows.", autocompletion=workflows)]


_Json = Annotated[bool, typer.Option("--json", help="The ids for which it was done, as a JSON list.")]


def cancel(
    context: typer.Context, workflow_ids: _Ids, as_json: _Json = False, storage: StorageOption = None
) -> None:
    """Cancel workflows. Their checkpoints stay: they can be resumed."""
    open_for(context, storage, workflow_ids[0])
    _each(workflow_ids, workflow.cancel, "cancelled", as_json)


def delete(
    context: typer.Context, workflow_ids: _Ids, as_json: _Json = False, storage: StorageOption = None
) -> None:
    """Delete workflows and all that is stored of them. Active ones have to be cancelled first."""
    open_for(context, storage, workflow_ids[0])
    _each(workflow_ids, workflow.delete, "deleted", as_json)


def _each(workflow_ids: list[str], do: Callable[[str], None], said: str, as_json: bool) -> None:
    from heliograph.cli import rendering

    done: list[str] = []
    try:
        for workflow_id in workflow_ids:
            do(workflow_id)
            done.append(workflow_id)
            if not as_json:
                rendering.write(f"{said} {rendering.shown(workflow_id)}")
    finally:  # one that can't be done does not undo those before it
        if as_json:
            rendering.print_json(done)
