"""``heliograph prune``: delete workflows that are over, by age or by a condition; at first only show them."""

from __future__ import annotations

import time
import warnings
from typing import Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.ages import seconds_of
from heliograph.cli.paging import pages
from heliograph.cli.storage import StorageOption, chosen, open_to_read
from heliograph.errors import DamagedWarning

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
        found = [one["workflow_id"] for page in pages(wanted) for one in page["found"]]
        ids = [workflow_id for workflow_id in found if not yes or _deleted(workflow_id)]
    if as_json:
        rendering.print_json(ids)
        return
    rendering.first(list(map(rendering.shown, ids)), _SHOWN)
    count = rendering.counted(len(ids), "workflow")
    said = f"{count} deleted" if yes else f"{count} would be deleted; with --yes they are"
    rendering.note(said)


def _deleted(workflow_id: str) -> bool:
    try:
        workflow.delete(workflow_id)
    except (workflow.WorkflowNotFoundError, workflow.WorkflowStillActiveError):
        return False  # somebody else was first, or goes on with it
    except ValueError as error:  # somebody wrote an id into the database that there can't be
        warnings.warn(f"workflow {workflow_id!r} can't be deleted: {error}", DamagedWarning, stacklevel=2)
        return False
    return True
