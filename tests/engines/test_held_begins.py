"""Workflows that nobody waits for begin together: with the next one that somebody waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.invariants import check_store

ran: list[int] = []


@workflow.task(name="note")
def note(number: int) -> int:
    ran.append(number)
    return number


@workflow.task
async def note_async(number: int) -> int:
    ran.append(number)
    return number


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An engine that hurries only where somebody waits; one workflow has just begun there."""
    for module in ("loop", "performer"):
        monkeypatch.setattr(f"heliograph.engines.loop.{module}.TICK_SECONDS", 3_600.0)
    ran.clear()
    workflow.init(storage=tmp_path, workers="threads")
    first = workflow.run_async(note.bind(0), workflow_id="0")
    until(lambda: first._is_held, what="the first one to be at its end")
    yield tmp_path
    workflow.shutdown()
    check_store(tmp_path / "heliograph.db")


def submitted(workflow_id: str) -> float:
    """When the task was handed to a worker."""
    (attempt,) = workflow.get_metadata(workflow_id, "note")["attempts"]
    return float(attempt["phases"]["submitted"])


def test_who_asks_for_an_output_lets_all_begin(storage: Path) -> None:
    futures = [workflow.run_async(note.bind(number), workflow_id=str(number)) for number in (1, 2)]
    asked = time.time()
    assert futures[0].result() == 1
    assert futures[1].result() == 2
    assert min(map(submitted, "12")) >= asked


def test_one_that_is_waited_for_takes_them_along(storage: Path) -> None:
    workflow.run_async(note.bind(1))
    assert workflow.run(note.bind(2)) == 2
    assert ran == [0, 1, 2]


def test_they_begin_by_themselves_soon(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path, workers="threads")
    futures = [workflow.run_async(note.bind(number)) for number in range(5)]
    until(lambda: all(future.done() for future in futures), what="workflows that nobody waits for to end")
    workflow.shutdown()


def test_none_is_held_back_where_the_one_before_was_waited_for(storage: Path) -> None:
    assert workflow.run(note.bind(1)) == 1
    workflow.run_async(note.bind(2))
    until(lambda: ran == [0, 1, 2], what="it to begin at once")


def test_none_is_held_back_where_the_one_before_had_ended_when_it_was_waited_for(storage: Path) -> None:
    assert workflow.get_output("0") == 0
    workflow.run_async(note.bind(1))
    until(lambda: ran == [0, 1], what="it to begin at once")


def test_what_is_awaited_itself_begins_at_once(storage: Path) -> None:
    workflow.run_async(note_async.bind(1))
    until(lambda: ran == [0, 1], what="a coroutine, of which any number runs")


def test_one_that_is_cancelled_never_begins(storage: Path) -> None:
    future = workflow.run_async(note.bind(1), workflow_id="1")
    workflow.cancel("1")
    with pytest.raises(workflow.WorkflowCancellationError):
        future.result()
    assert workflow.run(note.bind(2)) == 2
    assert ran == [0, 2]


def test_one_that_had_not_begun_when_the_engine_was_closed_can_be_resumed(storage: Path) -> None:
    workflow.run_async(note.bind(1), workflow_id="1")
    workflow.shutdown()
    workflow.init(storage=storage, workers="threads")
    assert workflow.get_status("1") == "RESUMABLE"
    assert workflow.resume("1") == 1
    assert ran == [0, 1]
