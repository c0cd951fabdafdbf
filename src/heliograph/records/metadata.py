"""The dicts that `get_metadata` returns, made of records. What is not known yet is absent, never None."""

from __future__ import annotations

import functools
import json
from typing import Any, Final

from heliograph.errors import StorageCorruptError
from heliograph.records.attempt import (
    AttemptRecord,
    Failure,
    Phases,
    ReportRecord,
    Resources,
    StoredValue,
    Worker,
)
from heliograph.records.status import TaskStatus
from heliograph.records.workflow import FunctionRecord, InputRecord, RunRecord, TaskRecord, WorkflowRecord

_json: Final = json.JSONDecoder().raw_decode
"""Reads what was stored as JSON: it has nothing before or behind it, which is not looked at each time."""


def workflow_metadata(record: WorkflowRecord, storage: str) -> dict[str, Any]:
    """A workflow as a dict.

    Args:
        record: the workflow.
        storage: where it is stored.
    """
    tasks, engine = record.progress, record.engine
    start_time, end_time = record.start_time, record.end_time
    made: dict[str, Any] = {
        "workflow_id": record.workflow_id,
        "name": record.name,
        "status": record.status,
        "task_options": _options(record.output_options),
        "user_metadata": _user_metadata(record.user_metadata, "workflows", record.workflow_id),
        "progress": {"done": tasks.done, "total": tasks.total, "by_status": tasks.by_status.copy()},
        "runs": record.run,
    }
    # One by one, where others are made by `_known`: a page has many of these.
    if record.error_type is not None:
        made["error"] = _run_error(record)
    if record.parent is not None:
        made["parent"] = record.parent
    if engine is not None:
        made["engine"] = engine
    made["storage"] = storage
    stats = made["stats"] = {}
    if start_time is not None:
        stats["start_time"] = start_time
    if end_time is not None:
        stats["end_time"] = end_time
    return made


def run_metadata(run: RunRecord) -> dict[str, Any]:
    """A run as a dict."""
    owner = run.owner
    return _known(
        run=run.run,
        reason=run.reason,
        status=run.status,
        owner=owner and {"host": owner.host, "pid": owner.pid, "engine": owner.engine},
        created_time=run.created_time,
        start_time=run.start_time,
        end_time=run.end_time,
        cancel_time=run.cancel_time,
        reused=run.reused,
        code=dict(run.code),
        user=run.user,
        argv=list(run.argv),
        hostname=run.hostname,
        error=_run_error(run),
    )


def task_metadata(record: TaskRecord) -> dict[str, Any]:
    """A task as a dict."""
    last = record.attempts[-1] if record.attempts else None
    before = [None, *record.attempts]
    return {
        "name": record.task_id,
        "task_id": record.task_id,
        "status": record.status,
        "task_options": _options(record.options),
        "user_metadata": _user_metadata(record.user_metadata, "tasks"),
        "workflow_refs": list(record.upstream),
        "function": _function(record.function),
        "reused": record.reused_in is not None and record.status is TaskStatus.SUCCESSFUL,
        **_known(
            error=_task_error(record),
            creator=record.creator,
            wake_time=record.wake_time,
            next_attempt_time=record.next_attempt_time,
            output=record.output and _reference(record.output),
            arguments=record.arguments and _reference(record.arguments),
            inputs_size=last and last.inputs_size,
            **_report(record.report),
        ),
        **_inputs(record.inputs),
        "attempts": [
            attempt_metadata(attempt, earlier)
            for attempt, earlier in zip(record.attempts, before, strict=False)
        ],
        "stats": {} if last is None else _stats(last),
    }


def attempt_metadata(record: AttemptRecord, before: AttemptRecord | None = None) -> dict[str, Any]:
    """An attempt as a dict.

    Args:
        record: the attempt.
        before: the attempt before it: why there was to be a pause between them.
    """
    return {
        "attempt": record.attempt,
        "run": record.run,
        "status": record.status,
        **_known(
            error=record.failure and _failure(record.failure),
            worker=record.worker and _worker(record.worker),
            backoff_reason=_backoff_reason(record, before),
            **_report(record.report),
        ),
        "phases": _fields(record.phases),
        "durations": durations(record.phases, record.backoff),
        "resources": _resources(record.resources),
    }


def _user_metadata(stored: str, table: str, workflow_id: str | None = None) -> dict[str, Any]:
    # All else was looked at where it was read (`storage.tables.soundness`). Each workflow may have metadata
    # of its own, and that would parse them twice.
    try:
        given = _json(stored)[0]
    except (ValueError, TypeError):  # no JSON, or no text
        given = None
    if not isinstance(given, dict):
        raise StorageCorruptError.of_row(table, f"user_metadata is {stored!r:.100}", workflow_id)
    return given


def _options(stored: str) -> dict[str, Any]:
    """A task's options; of those of Ray that JSON can't hold, what they look like."""
    plain = _plain_options(stored)
    return _all_options(stored) if plain is None else plain.copy()


@functools.lru_cache(256)  # most tasks share their options with many others
def _plain_options(stored: str) -> dict[str, Any] | None:
    """Them, if a copy of the dict shares nothing with it that can be changed."""
    options = _all_options(stored)
    return None if any(isinstance(value, dict | list) for value in options.values()) else options


def _all_options(stored: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(shown_options(stored))
    options.pop("references", None)
    if "ray_options" in options:
        options["ray_options"] = {
            name: value["repr"] if isinstance(value, dict) and value.keys() == {"repr", "pickled"} else value
            for name, value in options["ray_options"].items()
        }
    return options


def shown_options(stored: str) -> str:
    """A task's options as they are told: on Ray, without the secrets among the variables of a `runtime_env`.

    >>> shown_options('{"ray_options": {"runtime_env": {"env_vars": {"API_KEY": "abc", "MODE": "test"}}}}')
    '{"ray_options": {"runtime_env": {"env_vars": {"API_KEY": "***", "MODE": "test"}}}}'
    """
    if '"runtime_env"' not in stored:
        return stored
    from heliograph.records.redaction import HIDDEN, is_secret, redacted  # its patterns take long to be made

    options: dict[str, Any] = json.loads(stored)
    environment = options.get("ray_options", {}).get("runtime_env") or {}
    if environment.keys() == {"repr", "pickled"}:
        environment.update(repr=redacted([environment["repr"]])[0], pickled=HIDDEN)
    elif "env_vars" in environment:
        environment["env_vars"] = {
            name: HIDDEN if is_secret(name) else value for name, value in environment["env_vars"].items()
        }
    return json.dumps(options)


def _stats(attempt: AttemptRecord) -> dict[str, Any]:
    """The last attempt in short: what the page calls a task's stats."""
    phases = attempt.phases
    return {
        **_known(start_time=phases.started, end_time=phases.finished),
        **durations(attempt.phases, attempt.backoff),
        **_resources(attempt.resources),
    }


def durations(phases: Phases, backoff: float) -> dict[str, float]:
    """Seconds from phase to phase of an attempt; one that was not reached is absent.

    Args:
        phases: when they began.
        backoff: seconds that it waited because of the attempt before.
    """
    spans = {
        "wait": (phases.created, phases.ready),
        "queue": (phases.ready, phases.started),
        "load": (phases.started, phases.loaded),
        # Of an attempt that was stopped or whose worker died, nobody knows when the code began.
        "compute": (phases.loaded or phases.started, phases.finished),
        "store": (phases.finished, phases.stored),
    }
    known = {
        name: max(end - begin, 0.0)
        for name, (begin, end) in spans.items()
        if begin is not None and end is not None
    }
    if backoff and "wait" in known:
        known["wait"] = max(known["wait"] - backoff, 0.0)
    return known | {"backoff": backoff} if backoff else known


def _resources(used: Resources) -> dict[str, Any]:
    known = _fields(used)
    measured = known.pop("measured")
    return known | {"measured": measured} if known else {}


def _function(function: FunctionRecord) -> dict[str, Any]:
    return _known(
        module=function.module,
        qualname=function.qualname,
        file=function.file,
        line=function.line,
        source_hash=function.source_hash,
    )


def _worker(worker: Worker) -> dict[str, Any]:
    ray = worker.ray
    return _known(
        host=worker.host,
        pid=worker.pid,
        worker_id=worker.worker_id,
        node_id=worker.node_id,
        ray=ray
        and {
            "task_id": ray.task_id,
            "job_id": ray.job_id,
            "resources": dict(ray.resources),
            "object_store_bytes": ray.object_store_bytes,
        },
    )


def _inputs(inputs: tuple[InputRecord, ...]) -> dict[str, Any]:
    known = [{"task_id": needed.task_id, **_reference(needed.value)} for needed in inputs]
    return {"inputs": known} if known else {}


def _report(report: ReportRecord | None) -> dict[str, Any]:
    """What was said while it ran: ``progress``, and how much else there is under ``events``."""
    if report is None:
        return {}
    progress = report.progress
    return _known(
        progress=progress
        and _known(done=progress.done, total=progress.total, message=progress.message, time=progress.time),
        events={
            name: count
            for name, count in (
                ("lines", report.lines),
                ("metrics", report.points),
                ("lines_dropped", report.lines_dropped),
                ("metrics_dropped", report.points_dropped),
            )
            if count
        }
        or None,
    )


def _backoff_reason(record: AttemptRecord, before: AttemptRecord | None) -> str | None:
    if not record.backoff or before is None or before.failure is None:
        return None
    failure = before.failure
    return f"{failure.kind}: {failure.message}" if failure.message else failure.kind


def _reference(value: StoredValue) -> dict[str, Any]:
    return {
        **_known(type=value.kind),
        "size": value.size,
        "stored": value.location or "inline",
        "sha256": value.sha256,
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return _known(type=failure.kind, message=failure.message, traceback=failure.traceback)


def _task_error(task: TaskRecord) -> dict[str, Any] | None:
    """Why a task failed for good: the error of its last attempt."""
    if task.status is not TaskStatus.FAILED or not task.attempts:
        return None
    failure = task.attempts[-1].failure
    return None if failure is None else _failure(failure)


def _run_error(run: RunRecord | WorkflowRecord) -> dict[str, Any] | None:
    if run.error_type is None:
        return None
    return _known(type=run.error_type, message=run.error_message, task_id=run.error_task)


def _fields(named: Phases | Resources) -> dict[str, Any]:
    return {key: value for key, value in zip(named._fields, named, strict=True) if value is not None}


def _known(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
