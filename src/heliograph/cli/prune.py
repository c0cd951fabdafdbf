"""``heliograph prune``: delete workflows that are over, by age or by a condition; at first only show them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.ages import seconds_of
from heliograph.cli.storage import StorageOption, chosen, open_to_read

_PAGE: Final = 500
_SHOWN: Final = 20


def prune(
    context: typer.Context,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only those submitted longer ago: 90s, 30min, 12h, 30d.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help="Only those for which it holds, as for heliograph search."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them; else they are only shown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The ids, as a JSON list.")] = False,
    storage: StorageOption = None,
) -> None:
    """Delete workflows that have ended, by age or by a condition.

    Ended are SUCCESSFUL, FAILED and CANCELED ones. Without --yes, what would be deleted is only shown.
    """
    from heliograph.cli import rendering

    if older_than is None and where is None:
        raise typer.BadParameter("say which: give --older-than, --where or both")
    wanted = workflow.field("status").is_in(["SUCCESSFUL", "FAILED", "CANCELED"])
    if older_than is not None:
        wanted &= workflow.field("created_time") < time.time() - seconds_of(older_than)
    if where is not None:
        wanted &= workflow.condition(where)
    ids: list[str] = []
    if open_to_read(chosen(context, storage)):
        ids = [workflow_id for workflow_id in list(_found(wanted)) if not yes or _deleted(workflow_id)]
    if as_json:
        rendering.print_json(ids)
        return
    for workflow_id in ids[:_SHOWN]:
        rendering.write(rendering.shown(workflow_id))
    if len(ids) > _SHOWN:
        rendering.note(f"and {len(ids) - _SHOWN} more")
    count = rendering.counted(len(ids), "workflow")
    said = f"{count} deleted" if yes else f"{count} would be deleted; with --yes they are"
    rendering.note(said)


def _found(wanted: Any) -> Iterator[str]:
    after = None
    while True:
        page = workflow.search(wanted, limit=_PAGE, after=after)
        yield from (found["workflow_id"] for found in page["found"])
        if not page["truncated"]:
            return
        after = page["after"]


def _deleted(workflow_id: str) -> bool:
    try:
        workflow.delete(workflow_id)
    except (workflow.WorkflowNotFoundError, workflow.WorkflowStillActiveError):
        return False  # somebody else was first, or goes on with it
    return True
