"""Since when a function is slower: found where it is so, and not where it is chance."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.insight.trend import LEAST_MEMORY_RATIO, change, function_run, trend


def named(values: list[float | None]) -> list[tuple[str, float | None]]:
    return [(f"w-{number}", value) for number, value in enumerate(values)]


@given(
    st.lists(st.floats(0.9, 1.1), min_size=3, max_size=20),
    st.lists(st.floats(0.9, 1.1), min_size=3, max_size=20),
    st.sampled_from([0.4, 1.6, 3.0]),
)
def test_a_step_is_found_where_it_is(before: list[float], since: list[float], ratio: float) -> None:
    found = change(named([*before, *(ratio * value for value in since)]))
    assert found is not None
    assert found.since == f"w-{len(before)}"
    assert (found.ratio > 1) == (ratio > 1)


@given(st.lists(st.floats(0.9, 1.1), max_size=40))
def test_what_stays_the_same_has_not_changed(values: list[float]) -> None:
    assert change(named(list(values))) is None


def test_chance_is_seldom_taken_for_a_change() -> None:
    chance = random.Random(7)
    taken = sum(
        change(named([chance.lognormvariate(0, 0.5) for _ in range(20)])) is not None for _ in range(300)
    )
    assert taken < 15


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 5.0], [1.0] * 3 + [9.0] * 2, [None] * 9, [0.0] * 9])
def test_of_too_little_nothing_is_said(values: list[float | None]) -> None:
    assert change(named(values)) is None


def test_time_and_memory_by_workflow() -> None:
    runs = [
        function_run(f"w-{number}", float(number), number % 2, [1.0 + (number > 4)] * 3, [100.0, 120.0])
        for number in range(9)
    ]
    found = trend("module.f", runs)
    assert found.compute is not None
    assert (found.compute.since, found.compute.ratio, found.memory) == ("w-5", 2.0, None)
    told = found.to_dict()
    assert told["runs"][1] == {
        "workflow_id": "w-1",
        "begin": 1.0,
        "attempts": 4,
        "failed": 1,
        "compute_p50": 1.0,
        "compute_p90": 1.0,
        "compute_max": 1.0,
        "memory_p50": 100.0,
        "memory_max": 120.0,
    }
    assert change(named([1.0] * 4 + [1.4] * 4), LEAST_MEMORY_RATIO) is None
