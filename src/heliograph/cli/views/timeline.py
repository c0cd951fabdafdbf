"""A timeline on a terminal: what ran when, and how busy the workers were."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import STYLES, counted, duration, shown, status_text
from heliograph.cli.views.drawing import axis, levels, phase_legend, placed_bar, shares
from heliograph.cli.views.tables import shortened
from heliograph.insight.timeline import Bar, Timeline

_NAMES: Final = 32
_TOOK: Final = 13
"""Room for how long something took, "10 min 33 s", and a gap."""


def view(found: Timeline, limit: int, width: int) -> RenderableType:
    """A timeline on a terminal: attempts in the order in which they began, then the workers.

    Args:
        found: the timeline.
        limit: draw at most so many attempts; 0: all.
        width: the room there is.
    """
    bars: Sequence[Bar] = found.bars
    if limit and len(bars) > limit:
        bars = heapq.nlargest(limit, bars, key=lambda bar: (bar.critical, bar.finished - bar.loaded))
    bars = sorted(bars, key=lambda bar: (bar.ready, bar.started, bar.task, bar.attempt))
    lanes = [lane.name for lane in found.lanes]
    names = [*(shown(bar.name) for bar in bars), *lanes]
    room = min(max(map(cell_len, names)), _NAMES, max(width // 3, 8))
    drawn = width - room - 2 - _TOOK
    title = Text.assemble(
        (shown(found.workflow_id), "bold"), "  ", status_text(found.status), f"  run {found.run}"
    )
    legend = phase_legend().append("  ◆ critical path", "dim")
    parts: list[RenderableType] = [
        title,
        legend,
        Text(" " * (room + 2)) + axis(found.end - found.begin, drawn),
    ]
    parts += [_row(found, bar, room, drawn) for bar in bars]
    parts += [Text(), *_workers(found, room, drawn)]
    took = duration(found.end - found.begin)
    parts += [Text(), Text(f"{counted(len(found.bars), 'attempt')} in {took}", "dim")]
    return Group(*parts)


def _row(found: Timeline, bar: Bar, room: int, drawn: int) -> RenderableType:
    style = "" if bar.status == "SUCCESSFUL" else STYLES.get(bar.status, "")
    label = Text(shortened(shown(bar.name), room), style)
    label.truncate(room, overflow="ellipsis", pad=True)
    moments = (bar.ready, bar.started, bar.loaded, bar.finished, bar.stored)
    row = Text.assemble(label, ("◆ " if bar.critical else "  ", "bold yellow"))
    row.append_text(placed_bar(moments, found.begin, found.end, drawn))
    row.append(duration(bar.stored - bar.ready).rjust(_TOOK), "dim")
    row.no_wrap = True
    return row


def _workers(found: Timeline, room: int, drawn: int) -> list[RenderableType]:
    spans: list[list[tuple[float, float]]] = [[] for _ in found.lanes]
    for bar in found.bars:
        if bar.lane is not None:
            spans[bar.lane].append((bar.started, bar.finished))
    whole = found.end - found.begin
    rows: list[RenderableType] = []
    for lane, of in zip(found.lanes, spans, strict=True):
        label = Text(lane.name)
        label.truncate(room, overflow="ellipsis", pad=True)
        busy = sum(until - since for since, until in of) / whole if whole > 0 else 0.0
        row = Text.assemble(label, "  ")
        row.append_text(levels(shares(of, found.begin, found.end, drawn), 1.0, "green"))
        row.append(f"{busy:.0%}".rjust(_TOOK), "dim")
        row.no_wrap = True
        rows.append(row)
    return rows
