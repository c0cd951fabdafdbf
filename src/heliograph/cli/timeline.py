"""``heliograph timeline``: what ran when, drawn."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from heliograph.insight.timeline import Bar, Timeline

DEFAULT_LIMIT: Final = 40
_WIDEST: Final = 120
_NAMES: Final = 32
_TOOK: Final = 13
"""Room for how long something took, "10 min 33 s", and a gap."""


def timeline(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    run: Annotated[
        int | None, typer.Option(metavar="N", help="Which of its runs.", show_default="the newest")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="At most so many attempts: of the critical path, then the longest computing; 0: all.",
        ),
    ] = DEFAULT_LIMIT,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: workflow.timeline(ID).to_dict().")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Draw what ran when, and how busy the workers were."""
    from heliograph.cli import rendering

    open_for(context, storage, workflow_id)
    found = workflow.timeline(workflow_id, run)
    if as_json:
        rendering.print_json(found.to_dict())
        return
    if not found.bars:
        rendering.stderr().print("nothing has run yet", style="dim")
        return
    console = rendering.stdout()
    rendering.output(view(found, limit, min(console.width, _WIDEST)), console)
    if limit and len(found.bars) > limit:
        words = (
            f"{limit} of {len(found.bars)} attempts are shown: of the critical path, then the longest"
            " computing; --limit 0 shows all of them"
        )
        rendering.stderr().print(words, style="dim")


def view(found: Timeline, limit: int, width: int) -> RenderableType:
    """A timeline on a terminal: attempts in the order in which they began, then the workers.

    Args:
        found: the timeline.
        limit: draw at most so many attempts; 0: all.
        width: the room there is.
    """
    from rich.console import Group
    from rich.text import Text

    from heliograph.cli.drawing import axis, phase_legend
    from heliograph.cli.rendering import duration, shown, status_text

    bars: Sequence[Bar] = found.bars
    if limit and len(bars) > limit:
        bars = heapq.nlargest(limit, bars, key=lambda bar: (bar.critical, bar.finished - bar.loaded))
    bars = sorted(bars, key=lambda bar: (bar.ready, bar.started, bar.task, bar.attempt))
    names = [_name(bar) for bar in bars]
    lanes = [lane.name for lane in found.lanes]
    room = min(max(map(len, [*map(shown, names), *lanes])), _NAMES, max(width // 3, 8))
    drawn = width - room - 2 - _TOOK
    title = Text.assemble(
        (shown(found.workflow_id), "bold"), "  ", status_text(found.status), f"  run {found.run}"
    )
    legend = phase_legend(("queue", "load", "compute", "store")).append("  ◆ critical path", "dim")
    parts: list[RenderableType] = [
        title,
        legend,
        Text(" " * (room + 2)) + axis(found.end - found.begin, drawn),
    ]
    for bar, name in zip(bars, names, strict=True):
        parts.append(_row(found, bar, name, room, drawn))
    parts += [Text(), *_workers(found, room, drawn)]
    took = duration(found.end - found.begin)
    many = "1 attempt" if len(found.bars) == 1 else f"{len(found.bars)} attempts"
    parts += [Text(), Text(f"{many} in {took}", "dim")]
    return Group(*parts)


def _name(bar: Bar) -> str:
    return f"{bar.task_id} #{bar.attempt}" if bar.attempt > 1 else bar.task_id


def _row(found: Timeline, bar: Bar, name: str, room: int, drawn: int) -> RenderableType:
    from rich.text import Text

    from heliograph.cli.drawing import placed_bar
    from heliograph.cli.rendering import STYLES, duration, shown

    label = Text(shown(name), "" if bar.status == "SUCCESSFUL" else STYLES.get(bar.status, ""))
    label.truncate(room, overflow="ellipsis", pad=True)
    moments = (bar.ready, bar.started, bar.loaded, bar.finished, bar.stored)
    row = Text.assemble(label, ("◆ " if bar.critical else "  ", "bold yellow"))
    row.append_text(placed_bar(moments, found.begin, found.end, drawn))
    row.append(duration(bar.stored - bar.ready).rjust(_TOOK), "dim")
    row.no_wrap = True
    return row


def _workers(found: Timeline, room: int, drawn: int) -> list[RenderableType]:
    from rich.text import Text

    from heliograph.cli.drawing import levels, shares

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
