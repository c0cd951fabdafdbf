"""What changes in a workflow on a terminal: a line a change, or all of them together as a tree."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from heliograph.cli import rendering
from heliograph.cli.views import drawing
from heliograph.records.status import TASK_OVER, TaskStatus, WorkflowStatus

_LAST_LINES: Final = 5
_LAST_OVER: Final = 5
_MOST_RUNNING: Final = 20


def told(change: dict[str, Any]) -> str:
    """A change as a line of text."""
    what = {
        name: value
        for name, value in change.items()
        if name not in ("cursor", "time", "run", "kind", "task_id")
    }
    whose = rendering.shown(change["task_id"]) if "task_id" in change else f"run {change['run']}"
    if change["kind"] in ("run", "task"):
        words = what["status"]
    elif change["kind"] == "line":
        words = rendering.shown(what["text"])
    else:
        words = f"{change['kind']} {rendering.compact(what)}"
    return f"{rendering.clock(change['time'])}  {whose}  {words}"


@dataclass
class Seen:
    """What the changes so far add up to.

    Attributes:
        running: tasks that run, and since when.
        progress: how far tasks said they are.
        over: the tasks that ended last, and how; the newest last.
        lines: the last ones that were logged.
    """

    running: dict[str, float] = field(default_factory=dict)
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    def take(self, change: dict[str, Any]) -> None:
        """One more, as `workflow.watch` gives it."""
        task = change.get("task_id", "")
        match change["kind"]:
            case "task" if change["status"] == TaskStatus.RUNNING:
                self.running[task] = change["time"]
            case "task":
                self.running.pop(task, None)
                if change["status"] in TASK_OVER:
                    self.over.pop(task, None)  # in an earlier run it may have ended, too
                    self.over[task] = change["status"]
                    if len(self.over) > _LAST_OVER:
                        del self.over[next(iter(self.over))]
            case "run":
                self.running.clear()
            case "progress":
                self.progress[task] = change
            case "line":
                self.lines.append(told(change))


def tree(metadata: dict[str, Any], seen: Seen, now: float) -> RenderableType:
    """How the workflow stands, what runs, what was over last, and what was logged.

    Args:
        metadata: what `workflow.get_metadata` returns.
        seen: the changes so far.
        now: Unix seconds.
    """
    counts, start = metadata["progress"], metadata["stats"].get("start_time")
    end = metadata["stats"].get("end_time", now if metadata["status"] is WorkflowStatus.RUNNING else None)
    style = rendering.STYLES.get(metadata["status"], "")
    head = Text.assemble((rendering.shown(metadata["workflow_id"]), "bold"), "  ")
    head.append_text(rendering.status_text(metadata["status"])).append("  ")
    head.append_text(drawing.progress_bar(counts["done"], counts["total"], 30, style))
    head.append(f" {counts['done']}/{counts['total']}", "default")
    if start is not None and end is not None:
        head.append(f"  {rendering.duration(end - start)}", "dim")
    drawn = Tree(head)
    for task, since in list(seen.running.items())[:_MOST_RUNNING]:
        line = Text(rendering.shown(task)).append(f"  {rendering.duration(now - since)}  ", "dim")
        drawn.add(line.append_text(drawing.task_progress(seen.progress.get(task), bar=20)))
    if len(seen.running) > _MOST_RUNNING:
        drawn.add(Text(f"and {len(seen.running) - _MOST_RUNNING} more", "dim"))
    for task, status in seen.over.items():
        drawn.add(Text(rendering.shown(task) + "  ", "dim").append_text(rendering.status_text(status)))
    if seen.lines:
        logged = drawn.add(Text("log", "dim"))
        for text in seen.lines:
            logged.add(Text(text, "dim"))
    return drawn
