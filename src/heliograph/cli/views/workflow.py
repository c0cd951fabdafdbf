"""A workflow on a terminal: how it stands, its runs, and where its time went."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from heliograph.cli.rendering import (
    NOTHING,
    STYLES,
    ago,
    compact,
    duration,
    hint,
    kind_of_error,
    moment,
    shown,
    shown_lines,
    size,
    some,
    status_text,
)
from heliograph.cli.storage import command
from heliograph.cli.views.drawing import bar_width, phase_bar, progress_bar, with_legend
from heliograph.cli.views.tables import Column, facts, fitted, framed, where_notable
from heliograph.cli.views.task import waits_for
from heliograph.insight.rows import durations_of
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus

SLOWEST: Final = 10
NEWEST: Final = 10
_BUSY: Final = ("load", "compute", "store")
_ERROR_LINES: Final = 12
_NAMED_RUNNING: Final = 5
_NAMED_CAUGHT: Final = 3


def view(
    metadata: dict[str, Any],
    history: Sequence[dict[str, Any]],
    attempts: Mapping[str, Sequence[Any]],
    waiting: Sequence[dict[str, Any]],
    more: Callable[[str], str],
    now: float,
    width: int,
) -> RenderableType:
    """All of a workflow.

    Args:
        metadata: what `workflow.get_metadata` returns.
        history: what `workflow.get_history` returns.
        attempts: the columns of `workflow.table(id, "attempts")`: there may be 200,000 rows.
        waiting: what `workflow.search` returns of the first tasks that wait.
        more: the command that shows a task.
        now: Unix seconds.
        width: the room there is.
    """
    parts: list[RenderableType] = [_head(metadata, history, attempts, waiting, now)]
    if error := metadata.get("error"):
        parts.append(_error(error, more))
    newest = history[-NEWEST:]  # `heliograph history` has all of them
    runs = "Runs" if len(newest) == len(history) else f"The newest {len(newest)} of {len(history)} runs"
    parts += [Text(), Text(runs, "bold"), runs_table(metadata["status"], newest, now, width)]
    over = _ended(attempts)
    slowest = sorted(over, key=lambda at: _busy(attempts, at), reverse=True)[:SLOWEST]
    if slowest:
        title = "Tasks" if len(over) == len(slowest) else f"The slowest {len(slowest)} of {len(over)} tasks"
        parts += [
            Text(),
            with_legend(title, width, _BUSY),
            _task_table(attempts, slowest, width),
        ]
        if not error:
            parts += [Text(), hint("one of them", more(attempts["task_id"][slowest[0]]))]
    return Group(*parts)


def _head(
    metadata: dict[str, Any],
    history: Sequence[dict[str, Any]],
    attempts: Mapping[str, Sequence[Any]],
    waiting: Sequence[dict[str, Any]],
    now: float,
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
    elif status is WorkflowStatus.PENDING and last.get("owner") is None:
        start = command(metadata["storage"], "worker")
        words.append(f"  it was handed in, and no worker has taken it yet: {start}", "dim")
    return framed(
        Text(shown(metadata["workflow_id"]), "bold"),
        facts(
            [
                ("status", words),
                ("started", None if started is None else f"{moment(started, now)} ({ago(started, now)})"),
                ("took", took),
                ("progress", bar.append(f" {progress['done']}/{progress['total']}", "default")),
                ("tasks", counts),
                ("running now", _running(attempts, last["run"], AttemptStatus.RUNNING)),
                ("was running", _running(attempts, last["run"], AttemptStatus.LOST)),
                ("waiting", _waiting(waiting, progress["by_status"].get(TaskStatus.WAITING, 0), now)),
                ("retried", _retried(attempts)),
                ("caught", _caught(attempts) if status is WorkflowStatus.SUCCESSFUL else None),
                ("reused", _reused(last, progress["total"])),
                ("resources", _resources(attempts)),
                ("output of", shown(metadata["name"])),
                ("metadata", compact(metadata["user_metadata"]) or None),
                ("parent", shown(metadata["parent"]) if "parent" in metadata else None),
                ("storage", shown(metadata["storage"])),
            ]
        ),
        style=STYLES.get(status, "dim"),
    )


def _running(attempts: Mapping[str, Sequence[Any]], run: int, status: AttemptStatus) -> str | None:
    """Tasks of a run that have, or had when its engine went, an attempt under way."""
    columns = zip(attempts["task_id"], attempts["run"], attempts["status"], strict=True)
    found = [task for task, of_run, reads in columns if of_run == run and reads is status]
    return some(found, _NAMED_RUNNING) or None


def _waiting(first: Sequence[dict[str, Any]], count: int, now: float) -> str | None:
    """Tasks that wait, and for what."""
    if not first:
        return None
    named = ", ".join(f"{shown(task['task_id'])} {waits_for(task, now)}" for task in first)
    return named + (f" and {count - len(first)} more" if count > len(first) else "")


def _retried(attempts: Mapping[str, Sequence[Any]]) -> str | None:
    counts = Counter(attempts["task_id"])
    retried = sum(count > 1 for count in counts.values())
    if not retried:
        return None
    most, count = counts.most_common(1)[0]
    name = f"{shown(most)} ({count} attempts)"
    return name if retried == 1 else f"{retried} tasks, {name} most often"


def _caught(attempts: Mapping[str, Sequence[Any]]) -> str | None:
    """Tasks whose last attempt failed, though their workflow did not."""
    last = dict(zip(attempts["task_id"], attempts["status"], strict=True))  # later ones are further down
    failed = [task for task, status in last.items() if status is AttemptStatus.FAILED]
    return f"exceptions of {some(failed, _NAMED_CAUGHT)}" if failed else None


def _reused(last: dict[str, Any], total: int) -> str | None:
    return f"{last['reused']} of {total} tasks, in run {last['run']}" if last["reused"] else None


def _resources(attempts: Mapping[str, Sequence[Any]]) -> str | None:
    cpu = [seconds for seconds in attempts["cpu_time"] if seconds is not None]
    peaks = zip(attempts["peak_rss"], attempts["task_id"], strict=True)
    known = [(peak, task_id) for peak, task_id in peaks if peak is not None]
    words = [f"{duration(sum(cpu))} of CPU"] if cpu else []
    if known:
        peak, task_id = max(known)
        words.append(f"at most {size(peak)} of memory ({shown(task_id)})")
    return ", ".join(words) or None


def _error(error: dict[str, Any], more: Callable[[str], str]) -> RenderableType:
    kind = kind_of_error(error["type"])
    lines = shown_lines(error.get("message", "")).split("\n")
    cut = [*lines[:_ERROR_LINES], "…"] if len(lines) > _ERROR_LINES else lines
    text = Text(f"{kind}: " if lines != [""] else kind, "bold").append("\n".join(cut), "default")
    task_id = error.get("task_id")
    if task_id is None:
        return framed(Text("error", "red"), text, style="red")
    title = Text(f"error in task {shown(task_id)}", "red")
    frame = framed(title, text, style="red")
    return Group(frame, hint("more", more(task_id)))


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

    def called(run: dict[str, Any]) -> str:
        program, *arguments = run.get("argv") or [""]
        return shown(shlex.join([PurePath(program).name, *arguments])) if program else NOTHING

    return fitted(
        [
            Column("RUN", [str(run["run"]) for run in history], is_number=True),
            Column("REASON", [run["reason"] for run in history]),
            Column("STATUS", [status_text(run["status"]) for run in history]),
            Column("STARTED", [moment(run.get("start_time"), now) for run in history]),
            Column("TOOK", [took(run) for run in history], is_number=True),
            Column("REUSED", [str(run["reused"]) for run in history], is_number=True),
            Column("BY", [shown(run.get("user", NOTHING)) for run in history], least=8),
            Column("HOST/PID", [place(run) for run in history], least=8),
            Column("COMMAND", [called(run) for run in history], least=12),
        ],
        width,
        dropped_first=("HOST/PID", "COMMAND", "BY", "REASON", "REUSED"),
    )


def _ended(attempts: Mapping[str, Sequence[Any]]) -> list[int]:
    """Places of the last attempts of tasks, if their code was done."""
    last = {task: place for place, task in enumerate(attempts["task_id"])}  # later ones are further down
    started, finished = attempts["started"], attempts["finished"]
    return [place for place in last.values() if started[place] is not None and finished[place] is not None]


def _busy(attempts: Mapping[str, Sequence[Any]], at: int) -> float:
    """Seconds that an attempt kept a worker and the journal busy."""
    end = attempts["stored"][at]
    return float((attempts["finished"][at] if end is None else end) - attempts["started"][at])


def _task_table(attempts: Mapping[str, Sequence[Any]], places: Sequence[int], width: int) -> RenderableType:
    durations = [durations_of(attempts, at) for at in places]
    busy = [_busy(attempts, at) for at in places]
    bars = [
        phase_bar({phase: one.get(phase, 0.0) for phase in _BUSY}, bar_width(width), busy[0])
        for one in durations
    ]

    def phase(name: str) -> Column:
        return Column(name.upper(), [duration(one.get(name)) for one in durations], is_number=True)

    return fitted(
        [
            Column("TASK", [shown(attempts["task_id"][at]) for at in places]),
            Column("LAST TRY", [_unless_usual(attempts["status"][at]) for at in places]),
            phase("wait"),
            phase("queue"),
            where_notable("LOAD", [one.get("load", 0.0) for one in durations], busy),
            phase("compute"),
            phase("store"),
            Column("", bars),
            Column("CPU", [duration(attempts["cpu_time"][at]) for at in places], is_number=True),
            Column("MEMORY", [size(attempts["peak_rss"][at]) for at in places], is_number=True),
        ],
        width,
        dropped_first=("WAIT", "QUEUE", "STORE", "LOAD", "CPU", "MEMORY", ""),
        whole=("TASK",),
    )


def _unless_usual(status: str) -> Text:
    """A column of nothing but SUCCESSFUL tells nothing; it is left out."""
    return Text() if status == AttemptStatus.SUCCESSFUL else status_text(status)
