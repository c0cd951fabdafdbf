"""``heliograph sql``: ask the storage in SQL."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.storage import StorageOption, chosen, open_to_read

if TYPE_CHECKING:
    from rich.console import RenderableType

    from heliograph.cli.tables import Column

DEFAULT_LIMIT: Final = 1000


def sql(
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="SELECT", help="One SELECT; - reads it from stdin.", show_default="tell of the views"
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many rows; 0: all.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, with an object a row.")] = False,
    storage: StorageOption = None,
) -> None:
    """Ask the storage in SQL; nothing can be changed by it. Without a query: the views and their columns."""
    from heliograph.cli import rendering

    console = rendering.stdout()
    if query is None:
        views = workflow.sql_views()
        if as_json:
            rendering.print_json(views)
        else:
            rendering.output(_views(views), console)
        return
    if not open_to_read(chosen(context, storage)):
        rendering.stderr().print("no workflows yet", style="dim")
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
        rendering.output(_table(names, rows, console.width), console)
    else:
        rendering.stderr().print("no rows", style="dim")
    if re.search(r"\bfrom\b", text, re.IGNORECASE) and not any(view in text for view in workflow.sql_views()):
        words = (
            "these tables are internal, and change: heliograph sql tells of the views that are to be asked"
        )
        rendering.stderr().print(words, style="dim")
    if len(found) > len(rows):
        rendering.stderr().print(
            f"the first {limit} rows are shown; --limit 0 shows all of them", style="dim"
        )


def _jsonable(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _table(names: Sequence[str], rows: Sequence[tuple[Any, ...]], width: int) -> RenderableType:
    from heliograph.cli.rendering import shown
    from heliograph.cli.tables import GAP, Column, fitted

    columns = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        is_number = all(value is None or isinstance(value, int | float) for value in values)
        least = None if is_number else 8
        columns.append(Column(shown(name), [_cell(value) for value in values], least, is_number))
    if sum(column.natural for column in columns) + GAP * (len(columns) - 1) > width:
        return _records(columns)
    return fitted(columns, width, keep_empty=True)


def _records(columns: Sequence[Column]) -> RenderableType:
    """Rows that are wider than the terminal, each with a line for each of its values."""
    from rich.console import Group
    from rich.text import Text

    from heliograph.cli.tables import facts

    parts: list[RenderableType] = []
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True), 1):
        parts += [Text(f"row {number}", "bold")]
        parts.append(facts([(column.title, cell) for column, cell in zip(columns, row, strict=True)]))
    return Group(*parts)


def _cell(value: Any) -> str:
    from heliograph.cli.rendering import NOTHING, shown

    if value is None:
        return NOTHING
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return shown(f"{value:.6f}" if isinstance(value, float) else str(value))


def _views(views: dict[str, dict[str, Any]]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from heliograph.cli.tables import facts

    parts: list[RenderableType] = []
    for name, view in views.items():
        parts += [Text() if parts else Text(""), Text.assemble((name, "bold"), f": {view['meaning']}")]
        parts.append(facts([(column, meaning) for column, meaning in view["columns"].items()]))
    return Group(*parts[1:])
