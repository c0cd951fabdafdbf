"""The dicts that `get_metadata` returns: what is not known is absent, and the rest is what the page says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.records.attempt import (
    AttemptRecord,
    Failure,
    Phases,
    ReportRecord,
    Resources,
    StoredValue,
    Worker,
)
from heliograph.records.metadata import attempt_metadata, run_metadata, task_metadata, workflow_metadata
from heliograph.records.report import Progress
from heliograph.records.status import AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.records.workflow import (
    FunctionRecord,
    Owner,
    RunRecord,
    TaskCounts,
    TaskRecord,
    WorkflowRecord,
)

OPTIONS = '{"task_type": "FUNCTION", "max_retries": 3, "retry_exceptions": false, "checkpoint": true}'
USER = '{"team": "blue", "nothing": null}'

times = st.floats(0, 2e9)
words = st.text(max_size=5)
counts = st.integers(0, 2**40)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


failures = st.builds(
    Failure, words, words, traceback=maybe(words), lineage=st.just(("a.B",)), error=maybe(st.just(b"pickled"))
)
workers = st.builds(Worker, words, counts, words, maybe(words))
phases = st.builds(Phases, **{name: maybe(times) for name in Phases._fields})
resources = st.builds(
    Resources,
    **{name: maybe(counts) for name in Resources._fields if name not in ("measured", "cpu_time")},
    measured=st.sampled_from(["exclusive", "shared"]),
    cpu_time=maybe(times),
)
attempts = st.builds(
    AttemptRecord,
    attempt=st.integers(1, 9),
    run=st.integers(1, 9),
    status=st.sampled_from(AttemptStatus),
    phases=phases,
    backoff=st.just(0.0) | times,
    inputs_size=maybe(counts),
    failure=maybe(failures),
    worker=maybe(workers),
    resources=resources,
)
owners = st.builds(Owner, words, words, words, counts, times, st.just("embedded"), times)
runs = st.builds(
    RunRecord,
    run=st.integers(1, 9),
    reason=st.sampled_from(RunReason),
    status=st.sampled_from(WorkflowStatus),
    owner=maybe(owners),
    created_time=times,
    start_time=maybe(times),
    end_time=maybe(times),
    cancel_time=maybe(times),
    reused=counts,
    code=st.just({"python": "3.11"}),
    user=maybe(words),
    argv=st.lists(words, max_size=2).map(tuple),
    hostname=maybe(words),
    error_type=maybe(words),
    error_message=maybe(words),
    error_task=maybe(words),
)
workflows = st.builds(
    WorkflowRecord,
    key=counts,
    workflow_id=words,
    name=words,
    status=st.sampled_from(WorkflowStatus),
    user_metadata=st.just(USER),
    output_task=counts,
    output_options=st.just(OPTIONS),
    stored_status=st.sampled_from(WorkflowStatus),
    progress=st.builds(TaskCounts.of, st.dictionaries(st.sampled_from(TaskStatus), counts)),
    parent=maybe(words),
    run=st.integers(1, 9),
    start_time=maybe(times),
    end_time=maybe(times),
    owner_id=maybe(words),
    engine=maybe(st.just("embedded")),
    error_type=maybe(words),
    error_message=maybe(words),
    error_task=maybe(words),
)
outputs = st.builds(
    StoredValue, counts, words, maybe(words), data=maybe(st.just(b"pickled")), location=maybe(words)
)
tasks = st.builds(
    TaskRecord,
    number=counts,
    task_id=words,
    status=st.sampled_from(TaskStatus),
    options=st.just(OPTIONS),
    user_metadata=st.just(USER),
    function=st.builds(FunctionRecord, words, words, maybe(words), maybe(counts), maybe(words)),
    upstream=st.lists(words, max_size=2).map(tuple),
    reused_in=maybe(counts),
    creator=maybe(words),
    output=maybe(outputs),
    attempts=st.lists(attempts, max_size=2).map(tuple),
)


def nothings(value: Any, path: str = "") -> Iterator[str]:
    """Where there is a None; in the user's own metadata there may be."""
    if value is None:
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key != "user_metadata":
                yield from nothings(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from nothings(inner, f"{path}[{index}]")


def check(metadata: dict[str, Any]) -> None:
    assert list(nothings(metadata)) == []
    assert json.loads(json.dumps(metadata, allow_nan=False)) == metadata


RUN = RunRecord(
    run=1,
    reason=RunReason.START,
    status=WorkflowStatus.RUNNING,
    owner=None,
    created_time=100.0,
    start_time=None,
    end_time=None,
    cancel_time=None,
    reused=0,
    code={},
    user=None,
    argv=(),
    hostname=None,
    error_type=None,
    error_message=None,
    error_task=None,
)
WORKFLOW = WorkflowRecord(
    key=1,
    workflow_id="nightly",
    name="report",
    status=WorkflowStatus.RUNNING,
    user_metadata="{}",
    output_task=0,
    output_options=OPTIONS,
    stored_status=WorkflowStatus.RUNNING,
    progress=TaskCounts.of({}),
    parent=None,
    run=1,
    start_time=None,
    end_time=None,
    owner_id=None,
    engine=None,
    error_type=None,
    error_message=None,
    error_task=None,
)
FUNCTION = FunctionRecord("jobs", "report", None, None, None)
TASK = TaskRecord(
    number=0,
    task_id="jobs.report",
    status=TaskStatus.PENDING,
    options=OPTIONS,
    user_metadata="{}",
    function=FUNCTION,
    upstream=(),
    reused_in=None,
    creator=None,
    output=None,
    attempts=(),
)
ATTEMPT = AttemptRecord(1, 1, AttemptStatus.RUNNING, Phases())


@given(workflows, words)
def test_of_a_workflow_what_is_not_known_is_absent_and_all_is_json(
    record: WorkflowRecord, storage: str
) -> None:
    check(workflow_metadata(record, storage))


@given(runs)
def test_of_a_run_what_is_not_known_is_absent_and_all_is_json(record: RunRecord) -> None:
    check(run_metadata(record))


@given(tasks)
def test_of_a_task_what_is_not_known_is_absent_and_all_is_json(record: TaskRecord) -> None:
    check(task_metadata(record))


@given(attempts)
def test_of_an_attempt_what_is_not_known_is_absent_and_all_is_json(record: AttemptRecord) -> None:
    metadata = attempt_metadata(record)
    check(metadata)
    assert all(seconds >= 0 and math.isfinite(seconds) for seconds in metadata["durations"].values())


@given(workflows)
def test_a_workflow_has_the_keys_of_the_page_whatever_is_known(record: WorkflowRecord) -> None:
    metadata = workflow_metadata(record, "here")
    assert {"status", "user_metadata", "stats", "task_options"} <= set(metadata)
    assert metadata["user_metadata"] == {"team": "blue", "nothing": None}
    assert metadata["status"] == record.status.value
    assert ("start_time" in metadata["stats"]) == (record.start_time is not None)
    assert ("end_time" in metadata["stats"]) == (record.end_time is not None)


@given(tasks)
def test_a_task_has_the_keys_of_the_page_whatever_is_known(record: TaskRecord) -> None:
    metadata = task_metadata(record)
    assert {"name", "task_id", "task_options", "user_metadata", "workflow_refs", "stats"} <= set(metadata)
    assert metadata["name"] == metadata["task_id"] == record.task_id
    assert metadata["workflow_refs"] == list(record.upstream)
    last = record.attempts[-1].phases if record.attempts else Phases()
    assert ("start_time" in metadata["stats"]) == (last.started is not None)
    assert ("end_time" in metadata["stats"]) == (last.finished is not None)


def test_a_workflow_of_which_little_is_known_yet() -> None:
    assert workflow_metadata(WORKFLOW, "sqlite:///here") == {
        "workflow_id": "nightly",
        "name": "report",
        "status": "RUNNING",
        "task_options": json.loads(OPTIONS),
        "user_metadata": {},
        "progress": {"done": 0, "total": 0, "by_status": {}},
        "runs": 1,
        "storage": "sqlite:///here",
        "stats": {},
    }


def test_a_workflow_that_failed_says_where_and_why() -> None:
    record = WORKFLOW._replace(
        run=3,
        status=WorkflowStatus.FAILED,
        progress=TaskCounts.of(
            {
                TaskStatus.SUCCESSFUL: 2,
                TaskStatus.FAILED: 1,
                TaskStatus.CANCELED: 1,
                TaskStatus.PENDING: 4,
            }
        ),
        parent="daily",
        start_time=101.0,
        end_time=102.5,
        error_type="builtins.ValueError",
        error_message="",
        error_task="jobs.load",
    )
    metadata = workflow_metadata(record, "here")
    assert metadata["error"] == {"type": "builtins.ValueError", "message": "", "task_id": "jobs.load"}
    assert metadata["stats"] == {"start_time": 101.0, "end_time": 102.5}
    assert metadata["progress"]["total"] == 8
    assert metadata["progress"]["by_status"] == {"SUCCESSFUL": 2, "FAILED": 1, "CANCELED": 1, "PENDING": 4}
    assert (metadata["runs"], metadata["parent"]) == (3, "daily")


def test_who_runs_it_is_told_in_short() -> None:
    owner = Owner("id", "host", "boot", 42, 1.0, "embedded", 2.0)
    assert workflow_metadata(WORKFLOW._replace(engine="embedded"), "here")["engine"] == "embedded"
    assert run_metadata(replace(RUN, owner=owner))["owner"] == {
        "host": "host",
        "pid": 42,
        "engine": "embedded",
    }


def test_a_run_of_which_little_is_known_yet() -> None:
    assert run_metadata(RUN) == {
        "run": 1,
        "reason": "start",
        "status": "RUNNING",
        "created_time": 100.0,
        "reused": 0,
        "code": {},
        "argv": [],
    }


def test_a_cancelled_run_has_a_cancel_time_and_no_end_time() -> None:
    run = replace(RUN, status=WorkflowStatus.CANCELED, start_time=101.0, cancel_time=102.0)
    metadata = run_metadata(run)
    assert metadata["cancel_time"] == 102.0
    assert "end_time" not in metadata


def test_a_task_of_which_little_is_known_yet() -> None:
    assert task_metadata(TASK) == {
        "name": "jobs.report",
        "task_id": "jobs.report",
        "status": "PENDING",
        "task_options": json.loads(OPTIONS),
        "user_metadata": {},
        "workflow_refs": [],
        "function": {"module": "jobs", "qualname": "report"},
        "reused": False,
        "attempts": [],
        "stats": {},
    }


def test_a_task_of_a_continuation_names_the_task_that_returned_it() -> None:
    assert task_metadata(replace(TASK, creator="jobs.loop"))["creator"] == "jobs.loop"


DONE = Phases(
    created=100.0,
    ready=101.0,
    submitted=101.5,
    started=103.0,
    loaded=103.25,
    finished=104.0,
    serialised=104.125,
    stored=104.5,
)


def test_the_durations_of_an_attempt_go_from_phase_to_phase() -> None:
    metadata = attempt_metadata(replace(ATTEMPT, phases=DONE, backoff=0.5))
    assert metadata["durations"] == {
        "wait": 0.5,  # besides the backoff
        "queue": 2.0,
        "load": 0.25,
        "compute": 0.75,
        "store": 0.5,
        "backoff": 0.5,
    }
    assert metadata["phases"] == DONE._asdict()


def test_of_an_attempt_that_was_stopped_the_computing_counts_from_its_start() -> None:
    metadata = attempt_metadata(replace(ATTEMPT, phases=Phases(started=103.0, finished=105.0)))
    assert metadata["durations"] == {"compute": 2.0}


def test_a_clock_that_went_back_makes_no_negative_duration() -> None:
    metadata = attempt_metadata(replace(ATTEMPT, phases=Phases(started=103.0, loaded=102.0)))
    assert metadata["durations"] == {"load": 0.0}


def test_the_stats_of_a_task_are_those_of_its_last_attempt() -> None:
    first = replace(
        ATTEMPT, status=AttemptStatus.FAILED, phases=Phases(started=1.0, finished=2.0), inputs_size=5
    )
    last = replace(
        ATTEMPT, attempt=2, phases=DONE, resources=Resources(cpu_time=0.5, peak_rss=7), inputs_size=6
    )
    metadata = task_metadata(replace(TASK, attempts=(first, last)))
    assert metadata["stats"]["start_time"] == 103.0
    assert metadata["stats"]["end_time"] == 104.0
    assert (metadata["stats"]["cpu_time"], metadata["stats"]["peak_rss"]) == (0.5, 7)
    assert metadata["inputs_size"] == 6
    assert [attempt["attempt"] for attempt in metadata["attempts"]] == [1, 2]


def test_a_task_that_runs_has_a_start_and_no_end() -> None:
    running = replace(ATTEMPT, phases=Phases(ready=1.0, started=2.0))
    assert task_metadata(replace(TASK, attempts=(running,)))["stats"] == {"start_time": 2.0, "queue": 1.0}


def test_what_a_task_says_is_told_before_it_is_seen_to_run() -> None:
    report = ReportRecord(Progress(1, 2, "going", 5.0), 3, 0, 0, 0)
    metadata = task_metadata(replace(TASK, report=report))
    assert metadata["progress"] == {"done": 1, "total": 2, "message": "going", "time": 5.0}
    assert metadata["events"] == {"lines": 3}


def test_zero_is_known() -> None:
    used = Resources(cpu_time=0.0, read_bytes=0, exit_code=0)
    metadata = task_metadata(replace(TASK, attempts=(replace(ATTEMPT, resources=used, inputs_size=0),)))
    assert metadata["attempts"][0]["resources"] == {
        "cpu_time": 0.0,
        "read_bytes": 0,
        "exit_code": 0,
        "measured": "exclusive",
    }
    assert metadata["inputs_size"] == 0


def test_how_resources_were_measured_is_told_with_them_only() -> None:
    assert attempt_metadata(replace(ATTEMPT, resources=Resources(measured="shared")))["resources"] == {}
    shared = Resources(measured="shared", cpu_time=1.0)
    assert attempt_metadata(replace(ATTEMPT, resources=shared))["resources"]["measured"] == "shared"


def test_the_error_of_an_attempt_is_told_without_its_pickle() -> None:
    failure = Failure(
        "builtins.OSError", "gone", traceback="Traceback …", lineage=("a", "b"), error=b"pickle"
    )
    assert attempt_metadata(replace(ATTEMPT, failure=failure))["error"] == {
        "type": "builtins.OSError",
        "message": "gone",
        "traceback": "Traceback …",
    }


@pytest.mark.parametrize(("location", "stored"), [(None, "inline"), ("ab/cdef", "ab/cdef")])
def test_of_an_output_size_type_and_place_are_told_and_never_the_bytes(
    location: str | None, stored: str
) -> None:
    output = StoredValue(7, "0" * 64, "builtins.int", data=b"pickled", location=location)
    assert task_metadata(replace(TASK, output=output))["output"] == {
        "type": "builtins.int",
        "size": 7,
        "stored": stored,
        "sha256": "0" * 64,
    }


@pytest.mark.parametrize(
    ("reused_in", "status", "reused"),
    [
        (None, TaskStatus.SUCCESSFUL, False),
        (2, TaskStatus.SUCCESSFUL, True),
        (2, TaskStatus.RUNNING, False),  # it was taken once, and runs again
    ],
)
def test_a_task_is_reused_if_a_run_took_its_checkpoint(
    reused_in: int | None, status: TaskStatus, reused: bool
) -> None:
    assert task_metadata(replace(TASK, reused_in=reused_in, status=status))["reused"] is reused
