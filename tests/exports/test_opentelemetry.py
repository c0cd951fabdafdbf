"""OTLP's JSON, read by OpenTelemetry's own messages."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

from heliograph import workflow
from heliograph.insight.exports import conventions
from tests.exports.conftest import HOSTILE


def spans(workflow_id: str) -> list[Span]:
    return spans_of(workflow.export(workflow_id, "otlp").text)


def spans_of(document: str) -> list[Span]:
    """The spans of a document, read by OpenTelemetry's own messages."""
    read = json_format.ParseDict(_with_base64(json.loads(document)), TracesData())
    return list(read.resource_spans[0].scope_spans[0].spans)


def _with_base64(value: Any) -> Any:
    """OTLP writes ids in hex, where JSON of Protocol Buffers has base64: the one thing they differ in."""
    if isinstance(value, list):
        return [_with_base64(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key.endswith("Id") else _with_base64(item)
            for key, item in value.items()
        }
    return value


def attributes(span: Span) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def test_one_trace_of_one_tree(workflow_id: str) -> None:
    found = spans(workflow_id)
    assert {len(span.trace_id) for span in found} == {16}
    assert len({span.trace_id for span in found}) == 1
    ids = [span.span_id for span in found]
    assert {len(one) for one in ids} == {8}
    assert len(set(ids)) == len(ids)
    roots = [span for span in found if not span.parent_span_id]
    assert [span.name for span in roots] == [workflow_id]
    assert all(span.parent_span_id in ids for span in found if span.parent_span_id)
    assert all(link.span_id in ids for span in found for link in span.links)
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in found)


def test_an_attempt_is_a_span_with_the_names_of_the_table() -> None:
    flaky = [span for span in spans("good") if span.name == "__main__.flaky"]
    assert [attributes(span)[conventions.ATTEMPT] for span in flaky] == [1, 2]
    failed, again = flaky
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed)["error.type"] == "builtins.OSError"
    assert [event.name for event in failed.events][-1] == "exception"
    assert again.status.code == Status.STATUS_CODE_OK
    assert attributes(again)["code.function.name"] == "__main__.flaky"
    assert [link.span_id for link in again.links] == [failed.span_id]
    root = next(span for span in spans("good") if not span.parent_span_id)
    assert attributes(root)["heliograph.user_metadata.team"] == "blue"
    assert attributes(root)["heliograph.user_metadata.nested"] == '{"a": [1]}'


def test_a_resume_is_linked_with_what_it_goes_on_from() -> None:
    found = spans("bad")
    runs = [span for span in found if span.name in ("run 1", "run 2")]
    assert [link.span_id for link in runs[1].links] == [runs[0].span_id]
    broken = [span for span in found if span.name == "__main__.broken"]
    assert broken[0].span_id in [link.span_id for link in broken[1].links]
    assert [span.parent_span_id for span in broken] == [span.span_id for span in runs]
    assert broken[0].status.message == HOSTILE
