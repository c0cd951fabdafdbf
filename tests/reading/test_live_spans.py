"""Spans sent to a collector while a workflow runs, read by OpenTelemetry's own messages."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from heliograph import workflow
from heliograph.reading import telemetry
from tests.conditions import until
from tests.exports.test_opentelemetry import attributes, spans_of
from tests.gates import Gate


class Collector(http.server.ThreadingHTTPServer):
    """Takes spans at /v1/traces; the first request it is too busy for."""

    def __init__(self) -> None:
        self.documents: list[str] = []
        self.headers: list[str | None] = []
        self.answers = [503]
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        return [span for document in list(self.documents) for span in spans_of(document)]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if answer == 200 and (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/json"):
            self.server.documents.append(body)
            self.server.headers.append(self.headers["X-Team"])
        self.send_response(answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def storage(tmp_path: Path) -> Iterator[Path]:
    """A storage with an engine."""
    place = tmp_path / "live"
    workflow.init(storage=place, workers="threads", num_workers=2)
    yield place
    workflow.shutdown()


@workflow.task
def give(value: int) -> int:
    return value


@workflow.task
def hold(gate: Gate, value: int) -> int:
    gate.wait()
    if value == 0:
        raise ValueError("nothing")
    return value


def named(spans: list[Span]) -> list[str]:
    return sorted(span.name for span in spans)


def test_each_span_comes_once_while_it_runs_and_a_resume_is_linked(
    collector: Collector, tmp_path: Path, storage: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    dag = hold.options(name="hold", max_retries=0).bind(gate, give.options(name="give").bind(0))
    running = workflow.run_async(dag, workflow_id="w")
    sending = threading.Thread(target=workflow.send_spans, args=("w", collector.url, {"X-Team": "blue"}))
    sending.start()
    until(lambda: named(collector.spans) == ["give"])
    assert workflow.get_status("w") == "RUNNING"
    gate.open()
    assert running.exception(60) is not None
    sending.join(60)
    assert not sending.is_alive()
    assert named(collector.spans) == ["give", "hold", "run 1", "w"]
    assert set(collector.headers) == {"blue"}
    first = {span.name: span for span in collector.spans}
    assert first["hold"].parent_span_id == first["run 1"].span_id
    assert [link.span_id for link in first["hold"].links] == [first["give"].span_id]
    after_the_fact = {span.name: span for span in spans_of(workflow.export("w", "otlp").text)}
    assert first == after_the_fact

    collector.documents.clear()
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.resume("w")
    workflow.send_spans("w", collector.url)
    second = {span.name: span for span in collector.spans}
    assert named(collector.spans) == ["hold", "run 2", "w"]
    assert [link.span_id for link in second["run 2"].links] == [first["run 1"].span_id]
    assert first["hold"].span_id in [link.span_id for link in second["hold"].links]
    assert attributes(second["w"])["heliograph.run"] == 2
    assert {span.trace_id for span in collector.spans} == {first["w"].trace_id}


def test_all_that_run_from_a_command_of_its_own(collector: Collector, tmp_path: Path, storage: Path) -> None:
    workflow.run(give.bind(1), workflow_id="before")
    gate = Gate(tmp_path / "gate")
    running = workflow.run_async(hold.options(name="hold").bind(gate, 1), workflow_id="already")
    gate.until_waiting()
    command = [
        sys.executable,
        "-m",
        "heliograph",
        "--storage",
        str(storage),
        "spans",
        "--endpoint",
        "env",
    ]
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        for number in itertools.count():  # nobody says when the command is ready
            workflow.run(give.options(name="give").bind(1), workflow_id=f"short {number}")
            with contextlib.suppress(AssertionError):
                until(lambda: collector.spans, deadline=1)
                break
            assert process.poll() is None
        gate.open()
        assert running.result(60) == 1
        until(lambda: {"hold", "already"} <= {span.name for span in collector.spans})
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        (told,) = process.stderr.read().decode().splitlines()
        assert told == "sending spans to where OTEL_EXPORTER_OTLP_ENDPOINT says until interrupted"
    names = named(collector.spans)
    assert "before" not in names
    assert names.count("already") == 1
    ids = [(span.trace_id, span.span_id) for span in collector.spans]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("given", "error", "what"),
    [
        ({}, ValueError, "no collector is named"),
        ({"endpoint": "localhost:4318"}, ValueError, "endpoint must be the http or https URL"),
    ],
)
def test_an_endpoint_that_can_not_be(given: dict[str, Any], error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        workflow.send_spans("w", **given)


def test_a_collector_that_refuses(collector: Collector) -> None:
    workflow.run(give.bind(1), workflow_id="w")
    collector.answers = [400]
    with pytest.raises(workflow.TelemetryError, match=r"did not take spans: 400 Bad Request"):
        workflow.send_spans("w", collector.url)


class Clock:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds


def test_a_collector_that_is_away_is_waited_for_for_a_minute(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run(give.bind(1), workflow_id="w")
    clock = Clock()
    monkeypatch.setattr(telemetry, "time", clock)
    collector.answers = [503] * 7  # the last of them after half a minute
    workflow.send_spans("w", collector.url)
    assert (len(collector.spans), clock.seconds) == (3, 60)
    collector.answers = [503] * 8
    with pytest.raises(workflow.TelemetryError, match=r"did not take spans: 503 Service Unavailable"):
        workflow.send_spans("w", collector.url)
    assert (collector.answers, clock.seconds) == ([], 120)


def test_without_a_collector_they_are_printed(storage: Path) -> None:
    workflow.run(give.bind(1), workflow_id="w")
    command = [sys.executable, "-m", "heliograph", "--storage", str(storage), "spans", "w"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (line,) = done.stdout.splitlines()
    assert len(json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 3
