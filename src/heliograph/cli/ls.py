"""``heliograph ls``: the stored workflows, newest first."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from heliograph import workflow
from heliograph.cli.paging import pages
from heliograph.cli.storage import StorageOption, chosen, open_to_read
from heliograph.records.status import WorkflowStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

DEFAULT_LIMIT: Final = 50
_REFRESH_SECONDS: Final = 0.5


class _Listing(NamedTuple):
    """Workflows to be shown.

    Attributes:
        found: the newest of those that are wanted.
        is_cut: there are more.
        has_damage: there are some that can't be read; they are told behind the command's output.
    """

    found: list[dict[str, Any]]
    is_cut: bool = False
    has_damage: bool = False


def ls(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="STATUS", help="Only those of this status; can be given again."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help="Only those for which it holds, as for heliograph search."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many, the newest; 0: all.")
    ] = DEFAULT_LIMIT,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again and again, until it is interrupted.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON list, of what workflow.get_metadata returns.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """List the stored workflows, newest first."""
    from heliograph.cli import rendering
    from heliograph.cli.views.workflows import table

    names = sorted({_status(name) for name in status or ()})
    condition = None if where is None else workflow.condition(where)
    is_there = open_to_read(chosen(context, storage))
    if watch and not as_json:
        _watch(names, condition, limit, is_there)
        return
    listing = _listed(names, condition, limit) if is_there else _Listing([])
    if as_json:
        rendering.print_json(listing.found)
    elif listing.found:
        console = rendering.stdout()
        rendering.output(table(listing.found, time.time(), console.width), console)
    elif names or condition is not None:
        rendering.note("no workflows")
    else:
        rendering.note("no workflow that can be read" if listing.has_damage else "no workflows yet")
    if listing.is_cut:
        rendering.note(f"the newest {limit} are shown; --limit 0 shows all of them")


def _listed(statuses: Sequence[WorkflowStatus], condition: Any, limit: int) -> _Listing:
    """The newest of those that are wanted."""
    if condition is None:  # without what a search has to import first
        with warnings.catch_warnings(record=True) as left_out:
            listed = workflow.list_metadata(statuses or None, limit + 1 if limit else None)
        for one in left_out:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        is_cut = 0 < limit < len(listed) + len(left_out)
        return _Listing(listed[:limit] if limit else listed, is_cut, bool(left_out))
    wanted = condition & workflow.field("status").is_in(statuses) if statuses else condition
    answers = [workflow.search(wanted, limit=limit)] if limit else list(pages(wanted))
    found = [one for page in answers for one in page["found"]]
    return _Listing(found, answers[-1]["truncated"], any("damaged" in page for page in answers))


def _watch(statuses: Sequence[WorkflowStatus], condition: Any, limit: int, is_there: bool) -> None:
    from rich.live import Live

    from heliograph.cli import rendering
    from heliograph.cli.views.workflows import table

    def view(most: int) -> RenderableType:
        found = _listed(statuses, condition, most).found if is_there else []
        return table(found, time.time(), console.width) if found else "no workflows"

    console = rendering.stdout()
    if not console.is_terminal:  # one below the other, until nobody reads them
        while rendering.output(view(limit), console):
            time.sleep(_REFRESH_SECONDS)
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(view(min(limit or console.height, max(console.height - 2, 1))), refresh=True)
            time.sleep(_REFRESH_SECONDS)


def _status(name: str) -> WorkflowStatus:
    try:
        return WorkflowStatus(name.upper())
    except ValueError:
        known = ", ".join(sorted(WorkflowStatus))
        raise typer.BadParameter(f"there is no status {name!r}; there are {known}") from None
