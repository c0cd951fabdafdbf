"""Trace events by the rules of the Trace Event Format, which has no schema: slices nest, arrows join them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from heliograph import workflow

PHASES_OF_EVENTS = {
    "M": {"name", "args"},
    "X": {"name", "ts", "dur"},
    "s": {"id", "ts"},
    "f": {"id", "ts", "bp"},
}


def events(workflow_id: str) -> list[dict[str, Any]]:
    document = json.loads(workflow.export(workflow_id, "chrome").text)
    assert document["displayTimeUnit"] == "ms"
    found: list[dict[str, Any]] = document["traceEvents"]
    return found


def test_every_event_has_what_its_kind_needs(workflow_id: str) -> None:
    for event in events(workflow_id):
        assert PHASES_OF_EVENTS[event["ph"]] | {"pid", "tid"} <= set(event)
        assert all(isinstance(event[key], int) and event[key] >= 0 for key in ("ts", "dur") if key in event)


def test_slices_of_a_lane_nest_or_follow_each_other(workflow_id: str) -> None:
    lanes = defaultdict(list)
    for event in events(workflow_id):
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append((event["ts"], -event["dur"]))
    assert lanes
    for slices in lanes.values():
        open_until: list[int] = []
        for begin, length in sorted(slices):
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            assert not open_until or begin - length <= open_until[-1]
            open_until.append(begin - length)


def test_arrows_join_slices_that_are_there() -> None:
    found = events("good")
    attempts = [event for event in found if event.get("cat") == "attempt"]
    ends: dict[int, dict[str, Any]] = defaultdict(dict)
    for event in found:
        if event["ph"] in "sf":
            ends[event["id"]][event["ph"]] = event
    assert ends
    joined = set()
    for pair in ends.values():
        names = []
        for kind in "sf":
            event = pair[kind]
            names.append(
                [
                    one["name"]
                    for one in attempts
                    if (one["pid"], one["tid"]) == (event["pid"], event["tid"])
                    and one["ts"] <= event["ts"] <= one["ts"] + one["dur"]
                ]
            )
        assert all(names)
        joined |= {(since, until) for since in names[0] for until in names[1]}
    assert ("__main__.part", "__main__.flaky") in joined
    assert ("__main__.more", "__main__.part_2") in joined


def test_workers_have_lanes_with_their_names() -> None:
    names = [event["args"]["name"] for event in events("good") if event["name"] == "thread_name"]
    *threads, last = [name.rstrip("0123456789") for name in names]
    assert set(threads) == {"heliograph-thread-"}  # two, or one that was done before the other had come
    assert last == "waits"
    tasks = Counter(event["name"] for event in events("good") if event.get("cat") == "attempt")
    assert tasks["__main__.flaky"] == 2
