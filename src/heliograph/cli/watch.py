"""``heliograph watch``: a workflow as it goes on: a live tree on a terminal, a line a change elsewhere."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for
from heliograph.records.status import ACTIVE, TaskStatus, WorkflowStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESH_SECONDS: Final = 0.1
_LAST_LINES: Final = 5
_LAST_OVER: Final = 5
_MOST_RUNNING: Final = 20


def watch(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Only what changed after there.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON document a line: what workflow.watch gives.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Watch a workflow until it ends. It does not stop with this command."""
    from heliograph.cli import rendering

    open_for(context, storage, workflow_id)
    if as_json or not rendering.is_terminal():
        for change in workflow.watch(workflow_id, after):
            line = json.dumps(change, ensure_ascii=True) if as_json else told(change)
            if not rendering.write(line):
                break
    else:
        _live(workflow_id, after)


def told(change: dict[str, Any]) -> str:
    """A change as a line of text."""
    from heliograph.cli import rendering

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
class _Seen:
    """What the changes so far add up to."""

    running: dict[str, float] = field(default_factory=dict)  # since when
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)  # the last ones, the newest last
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    def take(self, change: dict[str, Any]) -> None:
        task = change.get("task_id", "")
        match change["kind"]:
            case "task" if change["status"] == TaskStatus.RUNNING:
                self.running[task] = change["time"]
            case "task":
                self.running.pop(task, None)
                if change["status"] in (TaskStatus.SUCCESSFUL, TaskStatus.FAILED, TaskStatus.CANCELED):
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


def _live(workflow_id: str, after: str | None) -> None:
    from rich.live import Live

    from heliograph.cli import rendering

    seen, cursor, console = _Seen(), after, rendering.stdout()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            metadata = workflow.get_metadata(workflow_id)
            changes = workflow.watch(workflow_id, cursor, wait=False)
            for change in changes:
                seen.take(change)
            cursor = changes.cursor
            live.update(_tree(metadata, seen, time.time()), refresh=True)
            if metadata["status"] not in ACTIVE:
                break
            time.sleep(_REFRESH_SECONDS)


def _tree(metadata: dict[str, Any], seen: _Seen, now: float) -> RenderableType:
    from rich.text import Text
    from rich.tree import Tree

    from heliograph.cli import rendering
    from heliograph.cli.views import drawing

    counts, start = metadata["progress"], metadata["stats"].get("start_time")
    end = metadata["stats"].get("end_time", now if metadata["status"] is WorkflowStatus.RUNNING else None)
    style = rendering.STYLES.get(metadata["status"], "")
    head = Text.assemble((rendering.shown(metadata["workflow_id"]), "bold"), "  ")
    head.append_text(rendering.status_text(metadata["status"])).append("  ")
    head.append_text(drawing.progress_bar(counts["done"], counts["total"], 30, style))
    head.append(f" {counts['done']}/{counts['total']}", "default")
    if start is not None and end is not None:
        head.append(f"  {rendering.duration(end - start)}", "dim")
    tree = Tree(head)
    for task, since in list(seen.running.items())[:_MOST_RUNNING]:
        line = Text(rendering.shown(task)).append(f"  {rendering.duration(now - since)}  ", "dim")
        tree.add(line.append_text(drawing.task_progress(seen.progress.get(task), bar=20)))
    if len(seen.running) > _MOST_RUNNING:
        tree.add(Text(f"and {len(seen.running) - _MOST_RUNNING} more", "dim"))
    for task, status in seen.over.items():
        tree.add(Text(rendering.shown(task) + "  ", "dim").append_text(rendering.status_text(status)))
    if seen.lines:
        logged = tree.add(Text("log", "dim"))
        for text in seen.lines:
            logged.add(Text(text, "dim"))
    return tree
