"""Whether a failed attempt is followed by another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.graph.options import TaskOptions
from heliograph.scheduling.retry import is_retried
from tests.shown import shown

TIMEOUT = ("builtins.TimeoutError", "builtins.OSError", "builtins.Exception", "builtins.BaseException")


def retried(tries: int = 1, died: bool = False, lineage: tuple[str, ...] = TIMEOUT, **options: Any) -> bool:
    return is_retried(TaskOptions().merged(options), tries, died, lineage)


@pytest.mark.parametrize(("tries", "again"), [(1, True), (2, True), (3, True), (4, False), (100, False)])
def test_a_dead_worker_is_worth_three_more_tries_by_default(tries: int, again: bool) -> None:
    assert retried(tries, died=True, lineage=()) is again


@pytest.mark.parametrize("retries", [0, 1, 5])
@pytest.mark.parametrize("died", [True, False])
def test_max_retries_are_the_tries_after_the_first(retries: int, died: bool) -> None:
    answers = [
        retried(tries, died=died, max_retries=retries, retry_exceptions=True)
        for tries in range(1, retries + 3)
    ]
    assert answers == [True] * retries + [False, False]


@given(st.integers(1, 10**9), st.booleans())
def test_minus_one_is_for_ever(tries: int, died: bool) -> None:
    assert retried(tries, died=died, max_retries=-1, retry_exceptions=True)


def test_an_exception_is_not_retried_unless_somebody_asked_for_that() -> None:
    assert not retried()
    assert not retried(retry_exceptions=False)
    assert retried(retry_exceptions=True)


@pytest.mark.parametrize(
    ("kinds", "again"),
    [
        ([TimeoutError], True),
        ([OSError], True),  # it inherits from it
        ([Exception], True),
        (BaseException, True),
        ([ValueError], False),
        ([ValueError, KeyError, OSError], True),
        ([ConnectionError], False),  # a sibling
        ([], False),
    ],
    ids=shown,
)
def test_of_listed_types_an_exception_of_one_or_of_a_subclass_is_retried(kinds: Any, again: bool) -> None:
    assert retried(retry_exceptions=kinds) is again


@pytest.mark.parametrize("kinds", [False, [], [ValueError]], ids=shown)
def test_a_dead_worker_is_retried_whatever_is_said_of_exceptions(kinds: Any) -> None:
    assert retried(died=True, lineage=(), retry_exceptions=kinds)
    assert not retried(died=True, lineage=(), retry_exceptions=kinds, max_retries=0)


def test_listed_types_have_their_limit_too() -> None:
    assert retried(1, retry_exceptions=[OSError], max_retries=1)
    assert not retried(2, retry_exceptions=[OSError], max_retries=1)
