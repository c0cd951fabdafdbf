"""Groups that a search counted on a terminal, a row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType

from heliograph.cli import rendering
from heliograph.cli.views.tables import Column, fitted

_SHOWN: Final = ("sum", "min", "max", "mean", "p50", "p90", "p99")
_DROPPED_FIRST: Final = ("p99", "p90", "p50", "min", "sum", "mean", "max")


def table(
    groups: Sequence[dict[str, Any]],
    by: Sequence[str],
    of: Sequence[str],
    kinds: Mapping[str, str],
    now: float,
    width: int,
) -> RenderableType:
    """Groups as a table.

    Args:
        groups: what `workflow.summarize` returns.
        by: fields that those of a group share.
        of: fields of numbers that were summed up.
        kinds: what `workflow.search_fields` returns.
        now: Unix seconds.
        width: the room there is.
    """
    columns = [
        Column(name, [rendering.shown(rendering.plain(group["by"][name])) for group in groups]) for name in by
    ]
    columns.append(Column("COUNT", [str(group["count"]) for group in groups], is_number=True))
    columns += [
        Column(
            _title(name, what),
            [rendering.amount(kinds.get(name), group[name].get(what), now) for group in groups],
            is_number=True,
        )
        for name in of
        for what in _SHOWN
        if what != "sum" or kinds.get(name) != "a time"
    ]
    # Each field that was asked for keeps a figure as long as there is room, and groups can be told apart.
    dropped_first = [_title(name, what) for what in _DROPPED_FIRST for name in reversed(of)]
    return fitted(columns, width, dropped_first, whole=by)


def _title(name: str, what: str) -> str:
    return f"{name.removeprefix('stats.')} {what}"
