"""Trace events, as Perfetto and ``chrome://tracing`` read them: a lane per worker, arrows between attempts.

The format is the JSON of the "Trace Event Format"; times are microseconds from the run's beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from heliograph.insight.exports.pieces import listed
from heliograph.insight.timeline import Bar, Timeline, timeline
from heliograph.records.trace import Trace


def chrome(trace: Trace, run: int | None = None) -> Iterator[str]:
    """A run as trace events.

    Args:
        trace: the workflow.
        run: number of the run; None: the newest.
    """
    drawn = timeline(trace, run)
    hosts = {host: number for number, host in enumerate(dict.fromkeys(lane.host for lane in drawn.lanes), 1)}
    document = {
        "displayTimeUnit": "ms",
        "otherData": {"workflow_id": drawn.workflow_id, "run": drawn.run, "status": drawn.status},
        "traceEvents": [],
    }
    events = chain(_names(drawn, hosts), _slices(drawn, hosts), _arrows(drawn, hosts))
    yield from listed(document, events)


def _names(drawn: Timeline, hosts: dict[str, int]) -> Iterator[dict[str, Any]]:
    for host, process in hosts.items():
        yield {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": host or "?"}}
    for number, lane in enumerate(drawn.lanes, 1):
        place = {"ph": "M", "pid": hosts[lane.host], "tid": number}
        yield {**place, "name": "thread_name", "args": {"name": lane.name}}
        yield {**place, "name": "thread_sort_index", "args": {"sort_index": number}}


def _slices(drawn: Timeline, hosts: dict[str, int]) -> Iterator[dict[str, Any]]:
    for bar in drawn.bars:
        if bar.lane is None:
            continue
        place = {"ph": "X", **_place(drawn, bar, hosts)}
        yield {
            **place,
            "name": bar.task_id,
            "cat": "attempt",
            "ts": _micros(drawn, bar.started),
            "dur": _micros(drawn, bar.finished) - _micros(drawn, bar.started),
            "args": {
                "function": bar.function,
                "attempt": bar.attempt,
                "status": bar.status,
                "critical": bar.critical,
                "queue_s": bar.started - bar.ready,
                "load_s": bar.loaded - bar.started,
                "compute_s": bar.finished - bar.loaded,
                "store_s": bar.stored - bar.finished,
            },
        }
        for name, since, until in (
            ("load", bar.started, bar.loaded),
            ("compute", bar.loaded, bar.finished),
        ):
            begin = _micros(drawn, since)
            yield {**place, "name": name, "cat": "phase", "ts": begin, "dur": _micros(drawn, until) - begin}


def _arrows(drawn: Timeline, hosts: dict[str, int]) -> Iterator[dict[str, Any]]:
    number = 0
    for bar in drawn.bars:
        for place in bar.causes:
            cause = drawn.bars[place]
            if bar.lane is None or cause.lane is None:
                continue
            number += 1
            arrow = {"name": "needs", "cat": "dependency", "id": number}
            # An arrow belongs to the slice that it begins in, or ends in: it begins within, not at the end.
            begin = _micros(drawn, cause.started)
            within = max(_micros(drawn, cause.finished) - 1, begin)
            yield {**arrow, "ph": "s", **_place(drawn, cause, hosts), "ts": within}
            end = {**arrow, "ph": "f", "bp": "e", **_place(drawn, bar, hosts)}
            yield {**end, "ts": _micros(drawn, bar.started)}


def _place(drawn: Timeline, bar: Bar, hosts: dict[str, int]) -> dict[str, Any]:
    assert bar.lane is not None
    return {"pid": hosts[drawn.lanes[bar.lane].host], "tid": bar.lane + 1}


def _micros(drawn: Timeline, moment: float) -> int:
    # Whole ones: a difference of floats would let a slice end a hair after the one it lies in.
    return round((moment - drawn.begin) * 1e6)
