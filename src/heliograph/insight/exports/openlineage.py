"""OpenLineage: events of the runs of a workflow and of its tasks, one JSON document a line.

Each is what is posted to a lineage backend. Outputs of tasks are datasets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from heliograph.insight.exports.identity import iso, uuid
from heliograph.insight.extent import extents, run_extent
from heliograph.records.status import AttemptStatus, WorkflowStatus
from heliograph.records.trace import Trace
from heliograph.records.workflow import RunRecord

PRODUCER: Final = "urn:heliograph"
NAMESPACE: Final = "heliograph"
_SPEC: Final = "https://openlineage.io/spec"
_EVENT: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = {
    "parent": "1-2-0/ParentRunFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
}
_OVER: Final = {
    WorkflowStatus.SUCCESSFUL: "COMPLETE",
    WorkflowStatus.FAILED: "FAIL",
    WorkflowStatus.CANCELED: "ABORT",
    AttemptStatus.SUCCESSFUL: "COMPLETE",
    AttemptStatus.FAILED: "FAIL",
    AttemptStatus.CANCELED: "ABORT",
    AttemptStatus.LOST: "ABORT",
}


def openlineage(trace: Trace, run: int | None = None) -> str:
    """A workflow as lineage events, in order of time.

    Args:
        trace: the workflow.
        run: number of the run; None: all.
    """
    events = [
        event
        for one in trace.runs
        if run in (None, one.run)
        for event in (*_of_run(trace, one), *_of_tasks(trace, one))
    ]
    events.sort(key=lambda event: event["eventTime"])
    return "".join(json.dumps(event, allow_nan=False) + "\n" for event in events)


def _of_run(trace: Trace, run: RunRecord) -> Iterator[dict[str, Any]]:
    begin, end = run_extent(trace, run)
    version = str(run.code.get("heliograph", "unknown"))
    facets = {"processing_engine": _facet("processing_engine", {"version": version, "name": "heliograph"})}
    identity, job = uuid(trace, "run", run.run), _job(trace.workflow.name, "WORKFLOW")
    yield _event("START", begin, identity, facets, job)
    if run.status in _OVER:
        if run.error_message is not None:
            facets = {**facets, "errorMessage": _error(run.error_type, run.error_message)}
        yield _event(_OVER[run.status], end, identity, facets, job)


def _of_tasks(trace: Trace, run: RunRecord) -> Iterator[dict[str, Any]]:
    """A task's run in a run of the workflow: from its first attempt there to its last."""
    begin, end = run_extent(trace, run)
    of, tasks = trace.attempts, trace.tasks
    places = [place for place, number in enumerate(of.run) if number == run.run]
    phases = extents(trace, places, begin, end)
    sizes = dict(zip(trace.outputs.task, trace.outputs.size, strict=True))
    last = {of.task[place]: at for at, place in enumerate(places)}
    seen: set[int] = set()
    facets = {
        "parent": _facet(
            "parent",
            {
                "run": {"runId": uuid(trace, "run", run.run)},
                "job": {"namespace": NAMESPACE, "name": trace.workflow.name},
            },
        )
    }
    for at, place in enumerate(places):
        task = of.task[place]
        identity = uuid(trace, "run", run.run, "task", task)
        job = _job(f"{trace.workflow.name}.{tasks.task_id[task]}", "TASK")
        inputs = [_dataset(trace, need) for need in dict.fromkeys(tasks.upstream[task])]
        if task not in seen:
            seen.add(task)
            yield _event("START", phases.started[at], identity, facets, job, inputs)
        if last[task] == at and of.status[place] in _OVER:
            outputs = []
            if of.status[place] is AttemptStatus.SUCCESSFUL and task in sizes:
                facet = _facet("outputStatistics", {"size": sizes[task]})
                outputs.append({**_dataset(trace, task), "outputFacets": {"outputStatistics": facet}})
            message = of.error_message[place]
            told = {} if message is None else {"errorMessage": _error(of.error_type[place], message)}
            over = _OVER[of.status[place]]
            yield _event(over, phases.stored[at], identity, facets | told, job, inputs, outputs)


def _event(
    kind: str,
    moment: float,
    run: str,
    facets: dict[str, Any],
    job: dict[str, Any],
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": iso(moment),
        "run": {"runId": run, "facets": facets},
        "job": job,
        "inputs": inputs or [],
        "outputs": outputs or [],
        "producer": PRODUCER,
        "schemaURL": _EVENT,
    }


def _job(name: str, kind: str) -> dict[str, Any]:
    facet = _facet("jobType", {"processingType": "BATCH", "integration": "HELIOGRAPH", "jobType": kind})
    return {"namespace": NAMESPACE, "name": name, "facets": {"jobType": facet}}


def _dataset(trace: Trace, task: int) -> dict[str, Any]:
    return {
        "namespace": NAMESPACE,
        "name": f"{trace.workflow.workflow_id}/{trace.tasks.task_id[task]}",
    }


def _error(kind: str | None, message: str) -> dict[str, Any]:
    text = f"{kind}: {message}" if kind else message
    return _facet("errorMessage", {"message": text, "programmingLanguage": "PYTHON"})


def _facet(name: str, values: dict[str, Any]) -> dict[str, Any]:
    path = _FACETS[name]
    url = f"{_SPEC}/facets/{path}.json#/$defs/{path.rpartition('/')[2]}"
    return {"_producer": PRODUCER, "_schemaURL": url, **values}
