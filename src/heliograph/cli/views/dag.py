"""A DAG on a terminal, as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import duration, shown, status_text
from heliograph.cli.views.tables import shortened

_LEAST_NAME: Final = 16


def view(tasks: Sequence[dict[str, Any]], limit: int, width: int) -> tuple[RenderableType, bool]:
    """The DAG as a tree: the output on top, below each task what it needs; what was shown is named again.

    Args:
        tasks: what `workflow.get_tasks` returns.
        limit: at most so many lines; 0: all.
        width: the room there is.

    Returns:
        The tree, and whether it was cut.
    """
    by_id = {task["task_id"]: task for task in tasks}
    parts: dict[str, list[str]] = {}
    for task in tasks:
        if "creator" in task:
            parts.setdefault(task["creator"], []).append(task["task_id"])
    needed = {need for task in tasks for need in task["workflow_refs"]}
    roots = [task["task_id"] for task in tasks if task["task_id"] not in needed and "creator" not in task]
    seen: set[str] = set()
    lines: list[RenderableType] = []
    # By hand, not by recursion: a chain may be as deep as it likes.
    rest = [(root, "", "", False) for root in reversed(roots)]
    while rest:
        if limit and len(lines) >= limit:
            return Group(*lines), True
        task_id, lead, below, continues = rest.pop()
        line = Text(lead, "dim", no_wrap=True, overflow="ellipsis")
        line.append_text(_line(by_id[task_id], continues, width - len(lead)))
        children = [(need, False) for need in by_id[task_id]["workflow_refs"]]
        children += [(part, True) for part in parts.get(task_id, ()) if part not in needed]
        if task_id in seen:
            if children:
                line.append("  (see above)", "dim")
            lines.append(line)
            continue
        seen.add(task_id)
        lines.append(line)
        for at, (child, handed) in reversed(list(enumerate(children))):
            is_last = at == len(children) - 1
            rest.append(
                (child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "), handed)
            )
    return Group(*lines), False


def _line(task: dict[str, Any], continues: bool, room: int) -> Text:
    stats = task["stats"]
    what = Text("  ").append_text(status_text(task["status"]))
    if "compute" in stats:
        what.append(
            f"  {duration(sum(stats.get(part, 0.0) for part in ('load', 'compute', 'store')))}", "dim"
        )
    line = Text("↳ " if continues else "", "dim")
    name = shortened(shown(task["task_id"]), max(room - line.cell_len - what.cell_len, _LEAST_NAME))
    return line.append(name, "default").append_text(what)
