"""Warnings from within the engine, as Python shows them where nobody has set a filter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from heliograph.engines.warning import warn, warn_of_blocked_loop


@pytest.fixture
def said() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        yield said


def test_what_comes_again_is_told_again(said: list[warnings.WarningMessage]) -> None:
    """As a server that is away for the second time; Python would tell it once in the life of a worker."""
    for _ in range(2):
        warn("no workflow is taken")
    assert [str(one.message) for one in said] == ["no workflow is taken"] * 2


def test_that_the_same_tasks_block_the_loop_is_told_once(said: list[warnings.WarningMessage]) -> None:
    for _ in range(2):
        warn_of_blocked_loop([], any_cancelled=True, more="")
    assert len(said) == 1


def test_a_program_that_has_made_warnings_errors_is_told_nothing(
    said: list[warnings.WarningMessage],
) -> None:
    warnings.simplefilter("error")
    warn("no workflow is taken")
    assert said == []
