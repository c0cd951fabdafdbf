"""A task on a terminal: what it is, and how each of its attempts went."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from heliograph.cli.rendering import (
    STYLES,
    ago,
    compact,
    duration,
    kind_of_error,
    moment,
    shown,
    shown_lines,
    size,
    some,
    status_text,
)
from heliograph.cli.views.drawing import PHASES, phase_bar, task_progress, with_legend
from heliograph.cli.views.tables import facts, framed
from heliograph.insight.wording import type_name
from heliograph.records.status import TASK_OVER, AttemptStatus, TaskStatus, WorkflowStatus

LAST_ATTEMPTS: Final = 10
_NAMED_UPSTREAM: Final = 8
_TERMINAL_BAR: Final = 60


def view(
    workflow_id: str,
    of_workflow: str,
    metadata: dict[str, Any],
    logged: Sequence[dict[str, Any]],
    now: float,
    width: int,
) -> RenderableType:
    """All of a task.

    Args:
        workflow_id: of its workflow.
        of_workflow: the status of that.
        metadata: what `workflow.get_metadata` returns of it.
        logged: lines of its log, shown where there is no attempt yet: why it waits.
        now: Unix seconds.
        width: the room there is.
    """
    attempts = metadata["attempts"]
    parts: list[RenderableType] = [_head(workflow_id, of_workflow, metadata, now)]
    if not attempts:
        parts += [Text(), Text("no attempt yet", "dim")]
        parts += [Text(f"{moment(line['time'], now)}  {shown(line['text'])}") for line in logged]
        return Group(*parts)
    left_out = len(attempts) - LAST_ATTEMPTS
    parts += [Text(), with_legend("Attempts", width)]
    if left_out > 0:
        parts.append(Text(f"{left_out} earlier ones are left out; --json has them all", "dim"))
    failed = [attempt for attempt in attempts if "traceback" in attempt.get("error", {})]
    for attempt in attempts[-LAST_ATTEMPTS:]:
        with_traceback = bool(failed) and attempt is failed[-1]
        parts.append(_attempt(attempt, with_traceback, now, width))
    return Group(*parts)


def waits_for(metadata: dict[str, Any], now: float) -> str | None:
    """What a task waits for; None: it does not.

    Args:
        metadata: what `workflow.get_metadata` returns of it.
        now: Unix seconds.
    """
    if metadata["status"] != TaskStatus.WAITING:
        return None
    if "wake_time" in metadata:
        return f"sleeps until {moment(metadata['wake_time'], now)}"
    last = metadata["attempts"][-1] if metadata["attempts"] else None
    if last is not None and last["status"] == AttemptStatus.SUCCESSFUL:
        return "waits for its continuation"
    if "next_attempt_time" in metadata:
        return f"is tried again at {moment(metadata['next_attempt_time'], now)}"
    return "waits for its next attempt"


def _head(workflow_id: str, of_workflow: str, metadata: dict[str, Any], now: float) -> RenderableType:
    status, function = metadata["status"], metadata["function"]
    words = status_text(status)
    if metadata["reused"]:
        words.append("  its checkpoint was used again by the last run", "dim")
    tried = metadata["attempts"]
    if status == TaskStatus.SUCCESSFUL and tried and tried[-1]["status"] == AttemptStatus.FAILED:
        words.append("  its exception was caught, and is its output", "dim")
    if reason := waits_for(metadata, now):
        words.append(f"  {reason}", "dim")
    if of_workflow == WorkflowStatus.RESUMABLE and status not in TASK_OVER:
        words.append("  its engine is gone; heliograph resume goes on with its workflow", "dim")
    where = shown(function["file"]) if "file" in function else ""
    if where and "line" in function:
        where += f":{function['line']}"
    code = Text(shown(f"{function['module']}.{function['qualname']}")).append(f"  {where}", "dim")
    return framed(
        Text(shown(metadata["task_id"]), "bold"),
        facts(
            [
                ("workflow", shown(workflow_id)),
                ("status", words),
                ("function", code),
                ("progress", task_progress(metadata["progress"], 20) if "progress" in metadata else None),
                ("options", compact(metadata["task_options"])),
                ("metadata", compact(metadata["user_metadata"]) or None),
                ("takes", some(metadata["workflow_refs"], _NAMED_UPSTREAM) or None),
                ("inputs", size(metadata["inputs_size"]) if "inputs_size" in metadata else None),
                ("output", _output(metadata.get("output"))),
            ]
        ),
        style=STYLES.get(status, "dim"),
    )


def _output(output: dict[str, Any] | None) -> Text | None:
    if output is None:
        return None
    kind = shown(type_name(output.get("type", "?")))
    stored = "inline" if output["stored"] == "inline" else f"at {shown(output['stored'])}"
    return Text(f"{kind}, {size(output['size'])}, {stored}").append(
        f"  sha256 {output['sha256'][:12]}…", "dim"
    )


def _attempt(attempt: dict[str, Any], with_traceback: bool, now: float, width: int) -> RenderableType:
    durations, phases = attempt["durations"], attempt["phases"]
    spent = {phase: durations[phase] for phase in PHASES if phase in durations}
    line = Text(f"{attempt['attempt']}  ").append_text(status_text(attempt["status"]))
    line.append(f"  in run {attempt['run']}")
    started = phases.get("started", phases.get("submitted"))
    if started is not None:
        line.append(f"  {moment(started, now)} ({ago(started, now)})", "dim")
    bar_width = min(width - 4, _TERMINAL_BAR)
    words = "  ".join(f"{phase} {duration(seconds)}" for phase, seconds in durations.items())
    error = attempt.get("error")
    rows = [
        phase_bar(spent, bar_width, sum(spent.values())) if "compute" in spent else None,
        words or None,
        _worker(attempt),
        _resources(attempt["resources"]),
        _said(attempt.get("events", {})),
        None if error is None else _error(error),
    ]
    below: list[RenderableType] = [row for row in rows if row is not None]
    if with_traceback and error is not None:
        traceback = Text(shown_lines(error["traceback"].rstrip("\n")))
        below.append(framed(Text("traceback", "red"), traceback, style="red"))
    return Group(line, Padding(Group(*below), (0, 0, 0, 3), expand=False))


def _error(error: dict[str, Any]) -> Text:
    kind = kind_of_error(error["type"])
    message = error.get("message")
    return Text(f"{kind}: " if message else kind, "bold red").append(shown_lines(message or ""), "red")


def _worker(attempt: dict[str, Any]) -> str | None:
    worker = attempt.get("worker")
    if worker is None:
        return None
    return f"worker {shown(worker['worker_id'])} on {shown(worker['host'])}, process {worker['pid']}"


def _said(events: dict[str, int]) -> str | None:
    words = [
        f"{events[kind]:,} {one if events[kind] == 1 else many}"
        for kind, one, many in (
            ("lines", "line", "lines"),
            ("metrics", "value of a metric", "values of metrics"),
        )
        if events.get(kind)
    ]
    return f"said {' and '.join(words)}" if words else None


def _resources(used: dict[str, Any]) -> str | None:
    words = []
    if "cpu_time" in used:
        words.append(f"CPU {duration(used['cpu_time'])}")
    if "peak_rss" in used:
        before = f", {size(used['start_rss'])} before it began" if "start_rss" in used else ""
        words.append(f"memory {size(used['peak_rss'])}{before}")
    if "read_bytes" in used:
        words.append(f"read {size(used['read_bytes'])}")
    if "write_bytes" in used:
        words.append(f"wrote {size(used['write_bytes'])}")
    if words and used.get("measured") == "shared":
        words.append("(of its thread)")
    if "exit_code" in used:
        words.append(f"the worker exited with {used['exit_code']}")
    if "signal" in used:
        words.append(f"the worker was killed by {_signal_name(used['signal'])}")
    return "  ".join(words) or None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
