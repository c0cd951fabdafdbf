"""Ends of workflows that nobody waits for go with the next commit: with whatever else there is to store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import until


@workflow.task
def increment(number: int) -> int:
    return number + 1


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An engine that commits only when somebody waits for it."""
    monkeypatch.setattr("heliograph.engines.loop.loop.TICK_SECONDS", 3_600.0)
    workflow.init(storage=tmp_path, workers="threads")
    yield tmp_path
    workflow.shutdown()


def test_who_asks_for_the_output_gets_it_at_once(storage: Path) -> None:
    future = workflow.run_async(increment.bind(1))
    until(lambda: future._is_held, what="the end to be held back")
    assert future.result() == 2


def test_a_callback_counts_as_waiting(storage: Path) -> None:
    future = workflow.run_async(increment.bind(1))
    until(lambda: future._is_held, what="the end to be held back")
    told: list[int] = []
    future.add_done_callback(lambda done: told.append(done.result()))
    until(lambda: told == [2], what="the callback to be called")


def test_who_asks_before_the_end_gets_it_too(storage: Path) -> None:
    assert [workflow.run(increment.bind(number)) for number in range(20)] == list(range(1, 21))


def test_it_goes_with_the_commit_of_another_workflow(storage: Path) -> None:
    future = workflow.run_async(increment.bind(1), workflow_id="first")
    until(lambda: future._is_held, what="the end to be held back")
    workflow.run(increment.bind(2))
    assert workflow.get_status("first") == "SUCCESSFUL"
    assert future.done()


def test_it_is_stored_when_the_engine_closes(storage: Path) -> None:
    future = workflow.run_async(increment.bind(1), workflow_id="first")
    until(lambda: future._is_held, what="the end to be held back")
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    assert workflow.get_status("first") == "SUCCESSFUL"
    assert workflow.get_output("first") == 2


def test_none_is_held_back_where_others_wait_for_a_turn(storage: Path) -> None:
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads", max_running_workflows=1)
    futures = [workflow.run_async(increment.bind(number)) for number in range(5)]
    until(lambda: futures[-1].done(), what="the last one in the queue to end")
