"""Exports become text piece by piece: the same text, and little of it held at once."""

from __future__ import annotations

import json
import pickle
import re
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.insight.exports.formats import FORMATS, export
from heliograph.insight.exports.pieces import BLOCK, in_blocks, listed, whole
from heliograph.records.status import AttemptStatus, WorkflowStatus
from heliograph.records.trace import Trace
from tests.pure.tracing import Made, run_of, trace_of, tried

VALUES = st.sampled_from([None, 1, "a\n[]", "\N{EM DASH}", [], {}, [[], [1]], {"[]": {"a": [1, {}]}}])


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3), st.sampled_from([None, 1, 2]))
def test_a_document_told_in_pieces_is_that_of_json(
    before: list[object], items: list[object], indent: int | None
) -> None:
    for place in ((lambda found: {"b": before, "of": {"items": found}}), (lambda found: [before, found])):
        told = "".join(listed(place([]), items, indent))
        assert told == json.dumps(place(items), indent=indent)


def test_what_is_no_number_in_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        list(listed({"items": []}, [float("nan")]))


@given(st.lists(st.sampled_from(["", "a", "\N{EM DASH}", "b" * (BLOCK - 1), "c" * BLOCK]), max_size=30))
def test_blocks_and_the_whole_are_the_text_of_the_pieces(pieces: list[str]) -> None:
    blocks = list(in_blocks(pieces))
    # Compared as truths: pytest would explain a difference of such texts at length.
    assert ("".join(blocks) == "".join(pieces)) is True
    assert (whole(pieces) == "".join(pieces)) is True
    assert all(len(block) >= BLOCK for block in blocks[:-1])


@pytest.fixture(scope="module")
def large() -> Trace:
    """Pairs of a task and one that takes its output."""
    count = 600
    tasks = [
        Made(f"task-{n}", [n - 1] if n % 2 else [], [tried(n, compute=1.0)], output=(5, "builtins.int", "ab"))
        for n in range(count)
    ]
    return trace_of(tasks, [run_of(end=count + 1.0)])


@pytest.mark.parametrize(("name", "file"), [("otlp", 0), ("openlineage", 0), ("ro-crate", 1)])
def test_little_of_a_long_text_is_held_at_once(large: Trace, name: str, file: int) -> None:
    """As dicts it would take several times its length."""
    made = export(large, name)
    told = made.names[file]
    length = sum(map(len, made.blocks(told)))
    tracemalloc.start()
    try:
        for _ in made.blocks(told):
            pass
        assert tracemalloc.get_traced_memory()[1] < length / 2 + 3 * BLOCK
    finally:
        tracemalloc.stop()


def test_an_export_can_be_sent_to_another_process(large: Trace) -> None:
    made = export(large, "dot")
    assert pickle.loads(pickle.dumps(made)).text == made.text


def test_a_lost_attempt_took_time_in_its_own_run_only() -> None:
    lost = replace(tried(1.0), loaded=None, finished=None, stored=None, status=AttemptStatus.LOST)
    again = tried(5000.0, compute=2.0, attempt=2, run=2)
    other = tried(0.0, compute=4.0)
    tasks = [Made("b", attempts=[other]), Made("a", (0,), [lost, again])]
    trace = trace_of(tasks, [run_of(status=WorkflowStatus.RESUMABLE), run_of(2, begin=5000.0, end=5002.0)])
    assert 't1["a<br/>SUCCESSFUL 5.00 s"]' in export(trace, "mermaid").text  # to 4.0, and 2 seconds again


def test_where_clocks_differ_no_time_is_negative() -> None:
    trace = trace_of([Made("a", attempts=[replace(tried(5.0), stored=4.0)])], [run_of(end=9.0)])
    for name in FORMATS:
        made = export(trace, name)
        assert not any(re.search(r">-[0-9]| -[0-9.]+ (µs|ms|s)", text) for text in made.files.values()), name
