"""What a question costs is first of all how many statements it takes, and what is done for each row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.engines.opening import opened

COUNT = 7


@workflow.task
def give(number: int) -> int:
    return number


@pytest.fixture(scope="module", autouse=True)
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    workflow.init(storage=tmp_path_factory.mktemp("storage"), workers="threads")
    for number in range(COUNT):
        workflow.run(give.bind(number), workflow_id=f"{number}", metadata={"rest": number % 3})
    yield
    workflow.shutdown()


def said(ask: Callable[[], object]) -> list[str]:
    """What SQLite is told."""
    backend = opened().store._database._backend
    connection, told = backend.connect(), list[str]()
    backend.release(connection)  # it is the next that is taken
    connection.raw.set_trace_callback(told.append)
    try:
        ask()
    finally:
        connection.raw.set_trace_callback(None)
    return told


@pytest.mark.parametrize(
    "ask",
    [
        lambda: workflow.get_metadata("3"),
        lambda: workflow.get_status("3"),
        lambda: workflow.list_metadata(limit=5),
        lambda: workflow.list_metadata("SUCCESSFUL"),
        lambda: workflow.search(),
        lambda: workflow.search("status = SUCCESSFUL and user_metadata.rest = 1"),
        lambda: workflow.search("name contains give", limit=2),
        lambda: workflow.summarize("status"),
        lambda: workflow.search("runs = 1", order_by="-created_time", limit=2),
    ],
)
def test_a_page_is_one_statement(ask: Callable[[], object]) -> None:
    ask()  # whose engines workflows are is read once
    selects = [text for text in said(ask) if text not in ("BEGIN", "COMMIT")]
    assert len(selects) == 1


def test_a_label_that_a_search_goes_along_is_not_looked_at_again() -> None:
    (found,) = [text for text in said(lambda: workflow.search("user_metadata.rest = 1")) if "LIMIT" in text]
    assert found.count("workflow_labels.path =") == 1


def test_an_engine_is_read_once_and_its_lease_each_time(tmp_path: Path) -> None:
    store = opened().store
    workflow.get_metadata("3")
    assert not any(
        "FROM owners" in text and "pid" in text for text in said(lambda: workflow.get_metadata("4"))
    )
    run = workflow.run_async(workflow.sleep(3_600), workflow_id="sleeps")
    try:
        assert workflow.get_status("sleeps") == "RUNNING"
        with store._database.write() as connection:
            connection.raw.execute("UPDATE owners SET lease_until = 0")
        assert workflow.get_status("sleeps") == "RESUMABLE"
    finally:
        workflow.cancel("sleeps")
        assert run.exception() is not None


def test_a_time_is_of_the_zone_that_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "created_time > 2026-11-24T08:30"
    try:
        told = []
        for zone in ("UTC", "Asia/Tokyo", "UTC"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            told.append(repr(workflow.condition(text)))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert told[0] == told[2] != told[1]
