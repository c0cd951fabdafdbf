"""OpenTelemetry: a trace per workflow, a span per run and one per attempt, as OTLP's JSON.

A collector reads it from a file (its receiver ``otlpjsonfile``) or takes it over HTTP at ``/v1/traces``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from heliograph.insight.causes import Causes, causes
from heliograph.insight.exports import conventions as name
from heliograph.insight.exports.identity import digest
from heliograph.insight.exports.pieces import listed
from heliograph.insight.extent import dotted_names, run_extent
from heliograph.records.status import ACTIVE, AttemptStatus, WorkflowStatus
from heliograph.records.trace import Trace
from heliograph.records.workflow import RunRecord

_INTERNAL = 1
_OK, _ERROR = 1, 2


def opentelemetry(trace: Trace, run: int | None = None) -> Iterator[str]:
    """A workflow as spans.

    What has not ended yet ends now: with OpenTelemetry, a span that has no end can't be told.

    Args:
        trace: the workflow.
        run: tell this run only; None: all.
    """
    told = [one for one in trace.runs if run in (None, one.run)]
    of_runs = chain.from_iterable(_run_spans(trace, one) for one in told)
    yield from document(trace, chain([_workflow_span(trace)], of_runs))


def ended_spans(trace: Trace, told: set[str]) -> Iterator[dict[str, Any]]:
    """Spans of the newest run that have ended and will stay as they are.

    That of the workflow itself is told when the run is over, and again after a resume, which lengthens it.

    Args:
        trace: the workflow.
        told: ids of those that were told before, which are left out; the others' are added.
    """
    run, of = trace.runs[-1], trace.attempts
    goes_on = trace.workflow.status in ACTIVE
    open_ones = {
        _span_id(trace, "attempt", task, attempt)
        for task, attempt, status in zip(of.task, of.attempt, of.status, strict=True)
        if status is AttemptStatus.RUNNING
    }
    if goes_on:
        open_ones.add(_span_id(trace, "run", run.run))
    for span in chain(_run_spans(trace, run), [] if goes_on else [_workflow_span(trace)]):
        if span["spanId"] not in open_ones and span["spanId"] not in told:
            told.add(span["spanId"])
            yield span


def document(trace: Trace, spans: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Spans of a workflow, as a collector takes them."""
    version = str(trace.runs[-1].code.get("heliograph", ""))
    resource = {name.SERVICE_NAME: "heliograph", name.SERVICE_VERSION: version or None}
    made = {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": {"name": "heliograph", "version": version}, "spans": []}],
            }
        ]
    }
    return listed(made, spans)


def _workflow_span(trace: Trace) -> dict[str, Any]:
    workflow = trace.workflow
    ends = [run_extent(trace, run) for run in trace.runs]
    given = json.loads(workflow.user_metadata)
    return {
        **_span(trace, workflow.workflow_id, min(begin for begin, _ in ends), max(end for _, end in ends)),
        "attributes": _attributes(
            {
                name.WORKFLOW_ID: workflow.workflow_id,
                name.WORKFLOW_NAME: workflow.name,
                name.STATUS: workflow.status.value,
                name.RUN: workflow.run,
            }
            | {f"{name.USER_METADATA}.{key}": _plain(value) for key, value in given.items()}
        ),
        "status": _status(workflow.status, workflow.error_message),
    }


def _run_spans(trace: Trace, run: RunRecord) -> Iterable[dict[str, Any]]:
    begin, end = run_extent(trace, run)
    earlier = [("run", run.run - 1)] if run.run > 1 else []
    yield {
        **_span(trace, f"run {run.run}", begin, end, "run", run.run, parent=()),
        "attributes": _attributes(
            {
                name.RUN: run.run,
                name.RUN_REASON: run.reason.value,
                name.RUN_REUSED: run.reused,
                name.STATUS: run.status.value,
                name.HOST_NAME: run.hostname,
                name.ERROR_TYPE: run.error_type,
            }
        ),
        "links": [_link(trace, "resume", *parts) for parts in earlier],
        "status": _status(run.status, run.error_message),
    }
    graph, names = causes(trace, run), dotted_names(trace)
    for at in range(len(graph.places)):
        yield _attempt_span(trace, graph, at, names)


def _attempt_span(trace: Trace, graph: Causes, at: int, names: Sequence[str]) -> dict[str, Any]:
    of, tasks, phases, place = trace.attempts, trace.tasks, graph.extents, graph.places[at]
    task, number, run = of.task[place], of.attempt[place], of.run[place]
    function = trace.functions[tasks.function[task]]
    whole = phases.ready[at], phases.stored[at]
    return {
        **_span(trace, tasks.task_id[task], *whole, "attempt", task, number, parent=("run", run)),
        "attributes": _attributes(
            {
                name.TASK_ID: tasks.task_id[task],
                name.ATTEMPT: number,
                name.RUN: run,
                name.STATUS: of.status[place].value,
                name.FUNCTION_NAME: names[tasks.function[task]],
                name.FILE_PATH: function.file,
                name.LINE_NUMBER: function.line,
                name.HOST_NAME: of.host[place],
                name.PROCESS_PID: of.pid[place],
                name.WORKER_ID: of.worker_id[place],
                name.BACKOFF: of.backoff[place] or None,
                name.CPU_TIME: of.cpu_time[place],
                name.PEAK_RSS: of.peak_rss[place],
                name.START_RSS: of.start_rss[place],
                name.ERROR_TYPE: of.error_type[place],
            }
        ),
        "events": list(_attempt_events(trace, graph, at)),
        "links": list(_attempt_links(trace, graph, at)),
        "status": _status(of.status[place], of.error_message[place]),
    }


def _attempt_events(trace: Trace, graph: Causes, at: int) -> Iterator[dict[str, Any]]:
    of, phases, place = trace.attempts, graph.extents, graph.places[at]
    for phase in ("started", "loaded", "finished"):
        if getattr(of, phase)[place] is not None:
            yield _event(name.PHASE, getattr(phases, phase)[at], {name.PHASE: phase})
    error, message = of.error_type[place], of.error_message[place]
    if error is not None:
        said = {name.EXCEPTION_TYPE: error, name.EXCEPTION_MESSAGE: message}
        yield _event(name.EXCEPTION, phases.finished[at], said)


def _attempt_links(trace: Trace, graph: Causes, at: int) -> Iterator[dict[str, Any]]:
    of, place = trace.attempts, graph.places[at]
    task = of.task[place]
    for cause in graph.causes[at]:
        why = "retry" if graph.tasks[cause] == task else "upstream"
        yield _link(trace, why, "attempt", graph.tasks[cause], of.attempt[graph.places[cause]])
    if place and of.task[place - 1] == task and of.run[place - 1] != of.run[place]:
        yield _link(trace, "resume", "attempt", task, of.attempt[place - 1])


def _span(
    trace: Trace,
    title: str,
    begin: float,
    end: float,
    *parts: object,
    parent: tuple[object, ...] | None = None,
) -> dict[str, Any]:
    return {
        "traceId": digest(trace)[:32],
        "spanId": _span_id(trace, *parts),
        **({} if parent is None else {"parentSpanId": _span_id(trace, *parent)}),
        "name": title,
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanos(begin),
        "endTimeUnixNano": _nanos(end),
    }


def _span_id(trace: Trace, *parts: object) -> str:
    return digest(trace, "span", *parts)[:16]


def _link(trace: Trace, why: str, *parts: object) -> dict[str, Any]:
    return {
        "traceId": digest(trace)[:32],
        "spanId": _span_id(trace, *parts),
        "attributes": _attributes({name.LINK: why}),
    }


def _event(title: str, moment: float, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": title, "timeUnixNano": _nanos(moment), "attributes": _attributes(attributes)}


def _status(status: WorkflowStatus | AttemptStatus, message: str | None) -> dict[str, Any]:
    match status:
        case WorkflowStatus.SUCCESSFUL | AttemptStatus.SUCCESSFUL:
            return {"code": _OK}
        case WorkflowStatus.FAILED | AttemptStatus.FAILED | AttemptStatus.LOST:
            return {"code": _ERROR} | ({} if message is None else {"message": message})
        case _:
            return {}


def _nanos(moment: float) -> str:
    return str(int(moment * 1e6) * 1000)  # no clock here knows more than microseconds


def _plain(value: Any) -> Any:
    """What an attribute can hold; the rest as JSON."""
    return value if isinstance(value, str | bool | int | float) else json.dumps(value)


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any(value)} for key, value in values.items() if value is not None]


def _any(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}
