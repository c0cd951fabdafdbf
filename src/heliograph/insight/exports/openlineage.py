"""OpenLineage: events of the runs of a workflow and of its tasks, one JSON document a line.

Each is what is posted to a lineage backend. Outputs of tasks are datasets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from heliograph.insight.exports.identity import iso, uuid
from heliograph.insight.extent import extents, run_extent
from heliograph.records.status import AttemptStatus
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
_OVER: Final[Mapping[str, str]] = {  # runs have the same words for it, but for the last
    AttemptStatus.SUCCESSFUL: "COMPLETE",
    AttemptStatus.FAILED: "FAIL",
    AttemptStatus.CANCELED: "ABORT",
    AttemptStatus.LOST: "ABORT",
}


class _Note(NamedTuple):
    """That there is an event; what it tells is made when its turn has come.

    Attributes:
        moment: when, as the event says it.
        run: place of the run among those that are told.
        at: of which of the run's attempts; None: of the run itself.
        is_over: whether what began is over.
    """

    moment: str
    run: int
    at: int | None
    is_over: bool


def openlineage(trace: Trace, run: int | None = None) -> Iterator[str]:
    """A workflow as lineage events, in order of time.

    Args:
        trace: the workflow.
        run: number of the run; None: all.
    """
    told = [_Run(trace, one) for one in trace.runs if run in (None, one.run)]
    notes = [note for place, one in enumerate(told) for note in one.notes(place)]
    notes.sort(key=attrgetter("moment"))
    encode = json.JSONEncoder(allow_nan=False).encode
    for note in notes:
        one = told[note.run]
        event = one.event(note) if note.at is None else one.task_event(note, note.at)
        yield f"{encode(event)}\n"


class _Run:
    """A run of the workflow: its events, and those of its tasks.

    A task's run in it is from its first attempt there to its last.
    """

    def __init__(self, trace: Trace, run: RunRecord) -> None:
        self._trace = trace
        self._run = run
        self._begin, self._end = run_extent(trace, run)
        self._places = [place for place, number in enumerate(trace.attempts.run) if number == run.run]
        self._phases = extents(trace, self._places, self._begin, self._end)
        self._sizes = dict(zip(trace.outputs.task, trace.outputs.size, strict=True))
        job = {"namespace": NAMESPACE, "name": trace.workflow.name}
        parent = {"run": {"runId": uuid(trace, "run", run.run)}, "job": job}
        self._parent = {"parent": _facet("parent", parent)}

    def notes(self, mine: int) -> Iterator[_Note]:
        """Of all its events; those of the same moment in the order in which they are to be told.

        Args:
            mine: its own place.
        """
        yield _Note(iso(self._begin), mine, None, is_over=False)
        of, phases = self._trace.attempts, self._phases
        last = {of.task[place]: at for at, place in enumerate(self._places)}
        seen: set[int] = set()
        for at, place in enumerate(self._places):
            task = of.task[place]
            if task not in seen:
                seen.add(task)
                yield _Note(iso(phases.started[at]), mine, at, is_over=False)
            if last[task] == at and of.status[place] in _OVER:
                yield _Note(iso(phases.stored[at]), mine, at, is_over=True)
        if self._run.status in _OVER:  # behind the end of its last task, of the same moment
            yield _Note(iso(self._end), mine, None, is_over=True)

    def event(self, note: _Note) -> dict[str, Any]:
        """The event that the run began, or how it ended."""
        run, trace = self._run, self._trace
        engine = {"version": str(run.code.get("heliograph", "unknown")), "name": "heliograph"}
        facets = {"processing_engine": _facet("processing_engine", engine)}
        if note.is_over and run.error_message is not None:
            facets["errorMessage"] = _error(run.error_type, run.error_message)
        kind = _OVER[run.status] if note.is_over else "START"
        job = _job(trace.workflow.name, "WORKFLOW")
        return _event(kind, note.moment, uuid(trace, "run", run.run), facets, job, [], [])

    def task_event(self, note: _Note, at: int) -> dict[str, Any]:
        """That a task began in it, or how the last of its attempts in it ended."""
        trace, place = self._trace, self._places[at]
        of, tasks = trace.attempts, trace.tasks
        task, status, message = of.task[place], of.status[place], of.error_message[place]
        facets, outputs = self._parent, []
        if note.is_over and message is not None:
            facets = facets | {"errorMessage": _error(of.error_type[place], message)}
        if note.is_over and status is AttemptStatus.SUCCESSFUL and task in self._sizes:
            facet = _facet("outputStatistics", {"size": self._sizes[task]})
            outputs.append({**_dataset(trace, task), "outputFacets": {"outputStatistics": facet}})
        return _event(
            _OVER[status] if note.is_over else "START",
            note.moment,
            uuid(trace, "run", self._run.run, "task", task),
            facets,
            _job(f"{trace.workflow.name}.{tasks.task_id[task]}", "TASK"),
            [_dataset(trace, need) for need in dict.fromkeys(tasks.upstream[task])],
            outputs,
        )


def _event(
    kind: str,
    moment: str,
    run: str,
    facets: dict[str, Any],
    job: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": moment,
        "run": {"runId": run, "facets": facets},
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
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
