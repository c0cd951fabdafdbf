"""A workflow on a terminal: how it stands, its runs, and where its time went."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import (
    NOTHING,
    STYLES,
    Column,
    ago,
    compact,
    duration,
    facts,
    fitted,
    framed,
    hint,
    kind_of_error,
    moment,
    phase_bar,
    phase_legend,
    progress_bar,
    shown,
    shown_lines,
    size,
    status_text,
)
from heliograph.records.status import TaskStatus, WorkflowStatus

SLOWEST: Final = 10
_BUSY: Final = ("load", "compute", "store")
_ERROR_LINES: Final = 12
_NAMED_RUNNING: Final = 5


def view(
    metadata: dict[str, Any],
    history: Sequence[dict[str, Any]],
    tasks: Sequence[dict[str, Any]],
    more: str,
    now: float,
    width: int,
) -> RenderableType:
    """All of a workflow.

    Args:
        metadata: what `workflow.get_metadata` returns.
        history: what `workflow.get_history` returns.
        tasks: what `workflow.get_tasks` returns.
        more: the command that showed this; a task's id after it shows the task.
        now: Unix seconds.
        width: the room there is.
    """
    parts: list[RenderableType] = [_head(metadata, history, tasks, now)]
    if error := metadata.get("error"):
        parts.append(_error(error, more))
    parts += [Text(), Text("Runs", "bold"), runs_table(metadata["status"], history, now, width)]
    slowest = _slowest(tasks)
    if slowest:
        over = sum("compute" in task["stats"] for task in tasks)
        title = "Tasks" if over == len(slowest) else f"The slowest {len(slowest)} of {over} tasks"
        parts += [
            Text(),
            Text.assemble((title, "bold"), "  ", phase_legend(_BUSY)),
            _task_table(slowest, width),
        ]
        if not error:
            parts += [Text(), hint("one of them", f"{more} {shlex.quote(slowest[0]['task_id'])}")]
    return Group(*parts)


def _head(
    metadata: dict[str, Any], history: Sequence[dict[str, Any]], tasks: Sequence[dict[str, Any]], now: float
) -> RenderableType:
    status, stats, progress = metadata["status"], metadata["stats"], metadata["progress"]
    counts = "  ".join(f"{count} {name}" for name, count in progress["by_status"].items() if count)
    bar = progress_bar(progress["done"], progress["total"], 20, STYLES.get(status, ""))
    last = history[-1]
    started = stats.get("start_time")
    end = stats.get("end_time", last.get("cancel_time"))
    if end is None and status is WorkflowStatus.RUNNING:
        took = f"{duration(now - started)} so far" if started is not None else None
    else:
        took = duration(end - started) if started is not None and end is not None else None
    if took is not None and len(history) > 1:
        took += f", run {last['run']}"
    words = status_text(status)
    if status is WorkflowStatus.RESUMABLE:
        words.append("  its engine is gone; heliograph resume goes on with it", "dim")
    return framed(
        Text(shown(metadata["workflow_id"]), "bold"),
        facts(
            [
                ("status", words),
                ("started", None if started is None else f"{moment(started, now)} ({ago(started, now)})"),
                ("took", took),
                ("progress", bar.append(f" {progress['done']}/{progress['total']}", "default")),
                ("tasks", counts),
                ("running now", _named(tasks, lambda task: task["status"] is TaskStatus.RUNNING)),
                ("was running", _named(tasks, _was_running) if status is WorkflowStatus.RESUMABLE else None),
                ("retried", _retried(tasks)),
                ("reused", _reused(last, progress["total"])),
                ("resources", _resources(tasks)),
                ("output of", shown(metadata["name"])),
                ("metadata", compact(metadata["user_metadata"]) or None),
                ("parent", shown(metadata["parent"]) if "parent" in metadata else None),
                ("storage", shown(metadata["storage"])),
            ]
        ),
        style=STYLES.get(status, "dim"),
    )


def _was_running(task: dict[str, Any]) -> bool:
    return task["status"] is TaskStatus.READY and bool(task["attempts"])


def _named(tasks: Sequence[dict[str, Any]], which: Callable[[dict[str, Any]], bool]) -> str | None:
    found = [shown(task["task_id"]) for task in tasks if which(task)]
    if not found:
        return None
    rest = len(found) - _NAMED_RUNNING
    return ", ".join(found[:_NAMED_RUNNING]) + (f" and {rest} more" if rest > 0 else "")


def _retried(tasks: Sequence[dict[str, Any]]) -> str | None:
    retried = [task for task in tasks if len(task["attempts"]) > 1]
    if not retried:
        return None
    most = max(retried, key=lambda task: len(task["attempts"]))
    name = f"{shown(most['task_id'])} ({len(most['attempts'])} attempts)"
    return name if len(retried) == 1 else f"{len(retried)} tasks, {name} most often"


def _reused(last: dict[str, Any], total: int) -> str | None:
    return f"{last['reused']} of {total} tasks, in run {last['run']}" if last["reused"] else None


def _resources(tasks: Sequence[dict[str, Any]]) -> str | None:
    used = [attempt["resources"] for task in tasks for attempt in task["attempts"]]
    cpu = [resources["cpu_time"] for resources in used if "cpu_time" in resources]
    peaks = [
        (attempt["resources"]["peak_rss"], task["task_id"])
        for task in tasks
        for attempt in task["attempts"]
        if "peak_rss" in attempt["resources"]
    ]
    words = [f"{duration(sum(cpu))} of CPU"] if cpu else []
    if peaks:
        peak, task_id = max(peaks)
        words.append(f"at most {size(peak)} of memory ({shown(task_id)})")
    return ", ".join(words) or None


def _error(error: dict[str, Any], more: str) -> RenderableType:
    kind = kind_of_error(error["type"])
    lines = shown_lines(error.get("message", "")).split("\n")
    cut = [*lines[:_ERROR_LINES], "…"] if len(lines) > _ERROR_LINES else lines
    text = Text(f"{kind}: " if lines != [""] else kind, "bold").append("\n".join(cut), "default")
    task_id = error.get("task_id")
    if task_id is None:
        return framed(Text("error", "red"), text, style="red")
    title = Text(f"error in task {shown(task_id)}", "red")
    frame = framed(title, text, style="red")
    return Group(frame, hint("more", f"{more} {shlex.quote(task_id)}"))


def runs_table(status: str, history: Sequence[dict[str, Any]], now: float, width: int) -> RenderableType:
    """The runs of a workflow.

    Args:
        status: the workflow's.
        history: what `workflow.get_history` returns.
        now: Unix seconds.
        width: the room there is.
    """

    def took(run: dict[str, Any]) -> str:
        end = run.get("end_time", run.get("cancel_time"))
        if end is None and run is history[-1] and status == WorkflowStatus.RUNNING:
            end = now
        return duration(end - run["start_time"]) if end is not None and "start_time" in run else NOTHING

    def place(run: dict[str, Any]) -> str:
        owner = run.get("owner")
        return f"{shown(owner['host'])}/{owner['pid']}" if owner else NOTHING

    return fitted(
        [
            Column("RUN", [str(run["run"]) for run in history], is_number=True),
            Column("REASON", [run["reason"] for run in history]),
            Column("STATUS", [status_text(run["status"]) for run in history]),
            Column("STARTED", [moment(run.get("start_time"), now) for run in history]),
            Column("TOOK", [took(run) for run in history], is_number=True),
            Column("REUSED", [str(run["reused"]) for run in history], is_number=True),
            Column("HOST/PID", [place(run) for run in history], least=8),
        ],
        width,
        dropped_first=("HOST/PID", "REASON", "REUSED"),
    )


def _slowest(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks that ended, those first that kept a worker and the journal busy for longest."""
    over = [task for task in tasks if "compute" in task["stats"]]
    return sorted(over, key=_busy, reverse=True)[:SLOWEST]


def _busy(task: dict[str, Any]) -> float:
    stats: dict[str, float] = task["stats"]
    return sum(stats.get(phase, 0.0) for phase in _BUSY)


def _task_table(tasks: Sequence[dict[str, Any]], width: int) -> RenderableType:
    stats = [task["stats"] for task in tasks]
    longest = _busy(tasks[0])
    bars = [phase_bar({phase: one.get(phase, 0.0) for phase in _BUSY}, 20, longest) for one in stats]

    def phase(name: str) -> Column:
        return Column(name.upper(), [duration(one.get(name)) for one in stats], is_number=True)

    return fitted(
        [
            Column("TASK", [shown(task["task_id"]) for task in tasks]),
            Column("STATUS", [_unless_usual(task["status"]) for task in tasks]),
            phase("wait"),
            phase("queue"),
            phase("compute"),
            phase("store"),
            Column("", bars),
            Column("CPU", [duration(one.get("cpu_time")) for one in stats], is_number=True),
            Column("MEMORY", [size(one.get("peak_rss")) for one in stats], is_number=True),
        ],
        width,
        dropped_first=("MEMORY", "WAIT", "CPU", "", "QUEUE", "STORE"),
        whole=("TASK",),
    )


def _unless_usual(status: str) -> Text:
    """A column of nothing but SUCCESSFUL tells nothing; it is left out."""
    return Text() if status is TaskStatus.SUCCESSFUL else status_text(status)
