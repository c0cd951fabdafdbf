"""A comparison on a terminal: what differs between two workflows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import counted, duration, plain, shown, size, some, status_text
from heliograph.cli.views.tables import Column, facts, fitted
from heliograph.insight.comparison import Comparison, Difference, Side, TaskComparison

_TASKS: Final = 15
_NAMES: Final = 10
_FAINT: Final = 0.01  # of the longer wall time; tasks that differ by less differ by chance
_SLIGHT: Final = 0.1  # of the most memory, or of a task's CPU time; both vary so much by chance


def view(found: Comparison, width: int) -> RenderableType:
    """A comparison on a terminal.

    Args:
        found: the comparison.
        width: the room there is.
    """
    parts: list[RenderableType] = [
        _which(found.a, found.b),
        Text(),
        _sides(found.a, found.b, width),
    ]
    for title, differences in (
        ("User metadata", found.user_metadata),
        ("Program", found.code),
        ("Functions", _readable(found.functions)),
    ):
        if differences:
            parts += [Text(), Text(title, "bold"), _differences(differences, width)]
    for title, names in (
        ("Only in A", found.only_a),
        ("Only in B", found.only_b),
        ("Other arguments", found.arguments),
    ):
        if names:
            title += f": {counted(len(names), 'task')}"
            parts += [Text(), Text(title, "bold"), Text(some(names, _NAMES))]
    wall = max(found.a.wall, found.b.wall)
    most = max(found.a.peak_rss or 0, found.b.peak_rss or 0)
    changed = [task for task in found.tasks if _matters(task, wall, most)]
    if changed:
        title = f"Tasks that changed: {len(changed)} of {len(found.tasks)}"
        if len(changed) > _TASKS:
            title += f", the first {_TASKS}"
        parts += [Text(), Text(title, "bold"), _tasks(changed[:_TASKS], width)]
    elif found.tasks:
        parts += [Text(), Text(f"none of the {len(found.tasks)} common tasks changed much", "dim")]
    return Group(*parts)


def _matters(task: TaskComparison, wall: float, most: int) -> bool:
    a, b = task.a, task.b
    other = (a.status, a.attempts, a.reused) != (b.status, b.attempts, b.reused)
    changed = abs(task.slower) > _FAINT * wall or abs(task.larger) > _SLIGHT * most
    return bool(task.differences) or other or changed


def _which(a: Side, b: Side) -> RenderableType:
    """Above the table: ids may be longer than a column, and often differ at their ends alone."""
    return facts([(letter, Text(shown(side.workflow_id), "bold")) for letter, side in (("A", a), ("B", b))])


def _sides(a: Side, b: Side, width: int) -> RenderableType:
    rows: list[tuple[str, Any, Any, str]] = [
        ("status", status_text(a.status), status_text(b.status), ""),
        ("run", str(a.run), str(b.run), ""),
        ("took", duration(a.wall), duration(b.wall), _times(a.wall, b.wall)),
        ("tasks", str(a.tasks), str(b.tasks), _more(a.tasks, b.tasks)),
        ("reused", str(a.reused), str(b.reused), _more(a.reused, b.reused)),
        ("attempts", str(a.attempts), str(b.attempts), _more(a.attempts, b.attempts)),
        ("CPU", duration(a.cpu_time), duration(b.cpu_time), _times(a.cpu_time, b.cpu_time)),
        ("memory", size(a.peak_rss), size(b.peak_rss), _times(a.peak_rss or 0, b.peak_rss or 0)),
    ]
    return fitted(
        [
            Column("", [name for name, *_ in rows]),
            Column("A", [row[1] for row in rows], least=12),
            Column("B", [row[2] for row in rows], least=12),
            Column("CHANGE", [row[3] for row in rows]),
        ],
        width,
        dropped_first=("CHANGE",),
    )


def _times(a: float, b: float) -> str:
    """How much more or less the second is.

    >>> [_times(*pair) for pair in ((2, 3), (4, 1), (1, 1.001), (0, 1), (1, 40))]
    ['+50%', '-75%', '', '', '40 x']
    """
    if a <= 0 or b <= 0 or abs(b / a - 1) < 0.005:
        return ""
    return f"{b / a:.0f} x" if b / a >= 10 else f"{b / a - 1:+.0%}"


def _more(a: int, b: int) -> str:
    return f"{b - a:+}" if a != b else ""


def _readable(functions: Sequence[Difference]) -> list[Difference]:
    """A hash tells nobody more than that it is another one."""
    there = [(one.a and "there", one.b and "there") for one in functions]
    return [
        one._replace(a="one source", b="another one") if a and b else one._replace(a=a, b=b)
        for one, (a, b) in zip(functions, there, strict=True)
    ]


def _differences(differences: Sequence[Difference], width: int) -> RenderableType:
    return fitted(
        [
            Column("", [shown(one.name) for one in differences], least=12, is_name=True),
            Column("A", [shown(plain(one.a)) for one in differences], least=12),
            Column("B", [shown(plain(one.b)) for one in differences], least=12),
        ],
        width,
        keep_empty=True,
    )


def _tasks(tasks: Sequence[TaskComparison], width: int) -> RenderableType:
    def change(task: TaskComparison) -> Text:
        words = _times(task.a.took or 0.0, task.b.took or 0.0)
        return Text(words, "red" if task.slower > 0 else "green")

    def other(task: TaskComparison) -> str:
        a, b = task.a, task.b
        words = [f"{a.status} → {b.status}"] if a.status != b.status else []
        if a.attempts != b.attempts:
            words.append(f"{a.attempts} → {b.attempts} attempts")
        if a.reused != b.reused:
            words.append("reused in B" if b.reused else "reused in A")
        words += [f"{one.name}: {plain(one.a)} → {plain(one.b)}" for one in task.differences]
        return shown("; ".join(words))

    def memory(task: TaskComparison) -> str:
        a, b = size(task.a.peak_rss), size(task.b.peak_rss)
        return a if a == b else f"{a} → {b}"

    def cpu(task: TaskComparison) -> str:
        a, b = task.a.cpu_time, task.b.cpu_time
        is_same = a is not None and b is not None and abs(a - b) <= _SLIGHT * max(a, b)
        return duration(b) if is_same or a == b else f"{duration(a)} → {duration(b)}"

    return fitted(
        [
            Column("TASK", [shown(task.task_id) for task in tasks], least=16, is_name=True),
            Column("A", [duration(task.a.took) for task in tasks], is_number=True),
            Column("B", [duration(task.b.took) for task in tasks], is_number=True),
            Column("TIME", [change(task) for task in tasks], is_number=True),
            Column("CPU", [cpu(task) for task in tasks], is_number=True),
            Column("MEMORY", [memory(task) for task in tasks], is_number=True),
            Column("ALSO", [other(task) for task in tasks], least=12),
        ],
        width,
        dropped_first=("CPU", "MEMORY", "ALSO"),
    )
