"""The timeline: every attempt has its place, and none overlaps another in a lane."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

from hypothesis import given

from heliograph.insight.timeline import WAITS, timeline
from heliograph.records.status import AttemptStatus
from heliograph.records.trace import Trace
from tests.pure.test_profile import broken_traces
from tests.pure.tracing import WAIT, Made, run_of, trace_of, tried


@given(broken_traces())
def test_no_attempt_overlaps_another_in_its_lane(trace: Trace) -> None:
    found = timeline(trace)
    for number in range(len(found.lanes)):
        bars = sorted((bar.started, bar.finished) for bar in found.bars if bar.lane == number)
        assert bars, "a lane that nothing is in"
        assert all(before[1] <= after[0] for before, after in pairwise(bars))
    json.dumps(found.to_dict(), allow_nan=False)


@given(broken_traces())
def test_no_phase_begins_before_the_one_before_it_or_out_of_the_run(trace: Trace) -> None:
    found = timeline(trace)
    for bar in found.bars:
        phases = [bar.ready, bar.started, bar.loaded, bar.finished, bar.stored]
        assert phases == sorted(phases)
        assert found.begin <= bar.ready
        assert bar.stored <= found.end


def test_lanes_are_workers_in_their_order_then_what_waits() -> None:
    tasks = [
        Made("nap", attempts=[replace(tried(0.0, compute=9.0), worker_id="engine")], options=WAIT),
        Made("b", attempts=[tried(0.0, compute=2.0, worker_id="process-10")]),
        Made("c", attempts=[tried(0.0, compute=2.0, worker_id="process-2")]),
        Made("d", attempts=[tried(1.0, compute=2.0, worker_id="process-2")]),
        Made("never", attempts=[replace(tried(1.0), worker_id=None, started=None)]),
    ]
    found = timeline(trace_of(tasks, [run_of(end=9.0)]))
    assert [lane.name for lane in found.lanes] == ["process-2", "process-2 (2)", "process-10", WAITS]
    assert [bar.lane for bar in found.bars] == [3, 2, 0, 1, None]


def test_bars_know_their_causes_and_whether_the_end_waited_for_them() -> None:
    tasks = [
        Made("a", attempts=[tried(0.0, compute=1.0)]),
        Made("b", attempts=[replace(tried(0.0, compute=2.0), status=AttemptStatus.FAILED)]),
        Made("c", (0, 1), [tried(2.0, compute=1.0)]),
    ]
    found = timeline(trace_of(tasks, [run_of(end=3.0)]))
    assert [bar.critical for bar in found.bars] == [False, True, True]
    assert tuple(found.bars[2].causes) == (0, 1)
