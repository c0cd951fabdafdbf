"""A profile on a terminal: bottlenecks, critical path, what would have saved time."""

from __future__ import annotations

import heapq
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import NOTHING, STYLES, counted, duration, shown, status_text
from heliograph.cli.views.drawing import (
    PHASES,
    bar_width,
    is_roomy,
    levels,
    narrowed,
    phase_bar,
    with_legend,
)
from heliograph.cli.views.tables import Column, facts, fitted, framed, where_notable
from heliograph.insight.profile import Profile

_LINKS: Final = 12
_TASKS: Final = 5
_BESIDE: Final = 13
"""What a frame and the names of its facts take of the width."""
_LEAST_GAIN: Final = 0.01  # of the wall time; less is not worth a line


def view(found: Profile, width: int) -> RenderableType:
    """A profile on a terminal.

    Args:
        found: the profile.
        width: the room there is.
    """
    parts: list[RenderableType] = [_head(found, width)]
    if found.bottlenecks:
        numbered = enumerate(found.bottlenecks, 1)
        sentences = facts([(f"{number}.", shown(one.sentence)) for number, one in numbered])
        parts += [Text(), Text("Bottlenecks", "bold"), sentences]
    if found.path:
        title = f"Critical path: {counted(len(found.path), 'step')}"
        if len(found.path) > _LINKS:
            title += f", the {_LINKS} longest of them"
        parts += [Text(), with_legend(title, width), _path(found, width)]
    worth = [task for task in found.tasks if task.saved >= _LEAST_GAIN * found.wall > 0]
    gains = heapq.nlargest(_TASKS, worth, key=lambda task: task.saved)
    if gains:
        parts += [Text(), Text("Each alone, twice as fast, would have saved", "bold"), _gains(gains, width)]
    if found.stragglers:
        parts += [Text(), Text("Stragglers", "bold"), _stragglers(found, width)]
    return Group(*parts)


def _head(found: Profile, width: int) -> RenderableType:
    at_once = found.parallelism
    row: Any = None
    if at_once.over_time:
        row = levels(narrowed(at_once.over_time, width - _BESIDE), max(at_once.peak, 1), "green")
        row.append("  " if is_roomy(width) else "\n")
        row.append(f"{at_once.mean:.1f} at once on average, {at_once.peak} at most", "default")
    workers = f"{len(found.workers)}, busy {found.efficiency:.0%} of the time" if found.workers else None
    return framed(
        Text(shown(found.workflow_id), "bold"),
        facts(
            [
                ("status", status_text(found.status)),
                ("run", str(found.run)),
                ("took", duration(found.wall)),
                ("workers", workers),
                ("CPU", None if found.cpu_time is None else duration(found.cpu_time)),
                ("running", row),
                ("path", _split(found)),
            ]
        ),
        style=STYLES.get(found.status, "dim"),
    )


def _split(found: Profile) -> str | None:
    """The parts of the critical path in words, the greatest first."""
    if not found.path:
        return None
    parts = sorted(found.parts.to_dict().items(), key=lambda part: -part[1])
    return "  ".join(f"{name} {duration(seconds)}" for name, seconds in parts if seconds > 0)


def _path(found: Profile, width: int) -> RenderableType:
    links = found.path
    if len(links) > _LINKS:
        kept = set(heapq.nlargest(_LINKS, range(len(links)), key=lambda at: links[at].parts.total))
        links = tuple(link for at, link in enumerate(links) if at in kept)
    longest = max(sum(link.parts.to_dict()[name] for name in PHASES) for link in links)
    parts = [link.parts for link in links]
    return fitted(
        [
            Column("AT", [duration(link.begin - found.begin) for link in links], is_number=True),
            Column("TASK", [shown(link.task_id) for link in links], least=16, is_name=True),
            Column("TRY", [str(link.attempt) if link.attempt > 1 else "" for link in links], is_number=True),
            Column("", [status_text(link.status) if link.status != "SUCCESSFUL" else "" for link in links]),
            Column("TOOK", [duration(part.total) for part in parts], is_number=True),
            Column("WAIT", [_unless_none(part.wait + part.backoff) for part in parts], is_number=True),
            Column("QUEUE", [_unless_none(part.queue) for part in parts], is_number=True),
            where_notable("LOAD", [part.load for part in parts], [part.total for part in parts]),
            Column("COMPUTE", [_unless_none(part.compute) for part in parts], is_number=True),
            Column("STORE", [_unless_none(part.store) for part in parts], is_number=True),
            Column(" ", [phase_bar(part.to_dict(), bar_width(width), longest) for part in parts]),
        ],
        width,
        dropped_first=("WAIT", "AT", "STORE", "LOAD", "QUEUE", "TRY", " ", "COMPUTE"),
    )


def _unless_none(seconds: float) -> str:
    return duration(seconds) if seconds > 0 else NOTHING


def _gains(gains: list[Any], width: int) -> RenderableType:
    return fitted(
        [
            Column("SAVED", [duration(task.saved) for task in gains], is_number=True),
            Column("COMPUTE", [duration(task.compute) for task in gains], is_number=True),
            Column("TASK", [shown(task.task_id) for task in gains], least=16, is_name=True),
            Column("FUNCTION", [shown(task.function) for task in gains], least=12, is_name=True),
        ],
        width,
        dropped_first=("FUNCTION", "COMPUTE"),
    )


def _stragglers(found: Profile, width: int) -> RenderableType:
    worst = found.stragglers[:_TASKS]
    return fitted(
        [
            Column("COMPUTE", [duration(one.compute) for one in worst], is_number=True),
            Column("USUALLY", [duration(one.median) for one in worst], is_number=True),
            Column("TASK", [shown(one.task_id) for one in worst], least=16, is_name=True),
            Column("FUNCTION", [shown(one.function) for one in worst], least=12, is_name=True),
        ],
        width,
        dropped_first=("FUNCTION", "USUALLY"),
    )
