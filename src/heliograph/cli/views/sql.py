"""What SQL found on a terminal, and the views that can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import NOTHING, shown
from heliograph.cli.views.tables import GAP, Column, facts, fitted


def table(names: Sequence[str], rows: Sequence[tuple[Any, ...]], width: int) -> RenderableType:
    """Rows as a table, or one below the other where they are wider than the terminal.

    Args:
        names: of the columns.
        rows: their values.
        width: the room there is.
    """
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
    parts: list[RenderableType] = []
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True), 1):
        parts += [Text(f"row {number}", "bold")]
        parts.append(facts([(column.title, cell) for column, cell in zip(columns, row, strict=True)]))
    return Group(*parts)


def _cell(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return shown(f"{value:.6f}" if isinstance(value, float) else str(value))


def views(told: dict[str, dict[str, Any]]) -> RenderableType:
    """What `workflow.sql_views` returns, on a terminal."""
    parts: list[RenderableType] = []
    for name, view in told.items():
        parts += [Text(), Text.assemble((name, "bold"), f": {view['meaning']}")]
        parts.append(facts([(column, meaning) for column, meaning in view["columns"].items()]))
    return Group(*parts[1:])
