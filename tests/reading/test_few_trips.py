"""What a question to a server costs is first of all how often it goes there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.engines.opening import opened
from tests import postgresql

COUNT = 7


@workflow.task
def give(number: int) -> int:
    return number


@pytest.fixture(scope="module", autouse=True)
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    storage = postgresql.server().database(tmp_path_factory.mktemp("storage"))
    workflow.init(storage=storage, workers="threads")
    for number in range(COUNT):
        workflow.run(give.bind(number), workflow_id=f"{number}", metadata={"rest": number % 3})
    yield
    workflow.shutdown()
    postgresql.server().drop(storage)


def trips(ask: Callable[[], object], trace: Path) -> int:
    """How often the server is asked something, and said it is ready for more."""
    backend = opened().store._database._backend
    connection = backend.connect()
    backend.release(connection)  # it is the next that is taken
    with trace.open("wb") as file:
        connection.raw.pgconn.trace(file.fileno())
        try:
            ask()
        finally:
            connection.raw.pgconn.untrace()
    return trace.read_text().count("ReadyForQuery")


@pytest.mark.parametrize(
    ("ask", "count"),
    [
        (lambda: workflow.get_metadata("3"), 1),
        (lambda: workflow.get_status("3"), 1),
        (lambda: workflow.list_metadata(limit=5), 1),
        (lambda: workflow.search(), 1),
        (lambda: workflow.search("user_metadata.rest = 1"), 1),
        (lambda: workflow.search("status = SUCCESSFUL and user_metadata.rest = 1"), 1),
        (lambda: workflow.search("user_metadata.rest = 1 or user_metadata.rest = 2", limit=2), 1),
        (lambda: workflow.search("runs = 1", limit=2), 1),
        (lambda: workflow.summarize("status"), 1),
        (lambda: workflow.search("status = RUNNING"), 4),  # begin, which engines are there, and end
    ],
)
def test_a_page_is_one_trip(ask: Callable[[], object], count: int, tmp_path: Path) -> None:
    ask()  # whose engines workflows are is read once
    ask()  # and what is said twice is prepared
    assert trips(ask, tmp_path / "trace") == count


def test_a_page_that_is_not_full_at_once_is_of_one_moment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("heliograph.storage.searching.first_rows._FIRST_ON_SERVER", 0)

    def ask() -> None:
        found = workflow.search("user_metadata.rest = 0 and status = FAILED", limit=2)["found"]
        assert found == []

    ask()
    assert trips(ask, tmp_path / "trace") > 1
    assert "REPEATABLE READ" in (tmp_path / "trace").read_text()
