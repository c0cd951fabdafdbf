"""``heliograph sql``: ask the storage in SQL."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.storage import StorageOption, chosen, open_to_read

DEFAULT_LIMIT: Final = 1000


def sql(
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(metavar="SELECT", help="One SELECT; - reads it from stdin.", show_default="the views"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many rows; 0: all.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, with an object a row.")] = False,
    storage: StorageOption = None,
) -> None:
    """Query the storage in SQL, which can change nothing. Without a query: the views and their columns."""
    from heliograph.cli import rendering
    from heliograph.cli.views import sql as view

    console = rendering.stdout()
    if query is None:
        views = workflow.sql_views()
        if as_json:
            rendering.print_json(views)
        else:
            rendering.output(view.views(views), console)
        return
    if not open_to_read(chosen(context, storage)):
        rendering.note("no workflows yet")
        if as_json:
            rendering.print_json([])
        return
    text = sys.stdin.read() if query == "-" else query
    found = workflow.sql(text, limit + 1 if limit else None)
    rows = found.rows[:limit] if limit else found.rows
    names = list(found.columns)
    if as_json:
        rendering.print_json([dict(zip(names, map(_jsonable, row), strict=True)) for row in rows])
    elif rows:
        rendering.output(view.table(names, rows, console.width), console)
    else:
        rendering.note("no rows")
    if re.search(r"\bfrom\b", text, re.IGNORECASE) and not any(name in text for name in workflow.sql_views()):
        words = (
            "these tables are internal, and change: heliograph sql tells of the views that are to be asked"
        )
        rendering.note(words)
    if len(found) > len(rows):
        rendering.note(f"the first {limit} rows are shown; --limit 0 shows all of them")


def _jsonable(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
