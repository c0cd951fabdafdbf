"""A page is looked for among the first rows of an index before anything is counted, and is the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heliograph import workflow
from heliograph.storage.searching import first_rows
from tests import postgresql

COUNT = 30
LIMIT = 3


@workflow.task
def give(number: int) -> int:
    if number % 5 == 0:
        raise ValueError(number)
    return number


@pytest.fixture(scope="module", autouse=True, params=["SQLite", "PostgreSQL"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    storage: Any = tmp_path_factory.mktemp("storage")
    if request.param == "PostgreSQL":
        storage = postgresql.server().database(storage)
    workflow.init(storage=storage, workers="threads")
    for number in range(COUNT):
        task = give.options(metadata={"half": number % 2}, max_retries=0)
        output = workflow.run_async(
            task.bind(number), workflow_id=f"{number}", metadata={"rest": number % 3, "number": number}
        )
        output.exception()
    yield
    workflow.shutdown()
    if request.param == "PostgreSQL":
        postgresql.server().drop(storage)


CONDITIONS: dict[str, Any] = {
    "": lambda n: True,
    "runs = 1 and stats.duration >= 0": lambda n: True,
    "hostname = nowhere": lambda n: False,
    "status = RUNNING": lambda n: False,
    "status = FAILED": lambda n: n % 5 == 0,
    "user_metadata.number < 7": lambda n: n < 7,
    "user_metadata.rest = 1": lambda n: n % 3 == 1,
    "user_metadata.rest = 1 and status = FAILED": lambda n: n % 3 == 1 and n % 5 == 0,
    "status = FAILED and user_metadata.number < 7": lambda n: n in (0, 5),
    "status = SUCCESSFUL and not user_metadata.rest = 1": lambda n: n % 5 and n % 3 != 1,
    'workflow_id = "7" and status = SUCCESSFUL': lambda n: n == 7,
    'workflow_id = "7" and status = FAILED': lambda n: False,
    "user_metadata.rest = 1 and user_metadata.rest = 2": lambda n: False,
    "user_metadata.rest = 1 or user_metadata.number < 7": lambda n: n % 3 == 1 or n < 7,
    "user_metadata.rest = 1 and (user_metadata.number < 9 or status = FAILED)": (
        lambda n: n % 3 == 1 and (n < 9 or n % 5 == 0)
    ),
    "not (user_metadata.rest = 1 or user_metadata.rest = 2)": lambda n: n % 3 == 0,
    "user_metadata.rest != 1": lambda n: n % 3 != 1,
    "error.type = ValueError and user_metadata.number < 20": lambda n: n % 5 == 0 and n < 20,
}
OF_TASKS: dict[str, Any] = {
    "user_metadata.half = 1 and status = SUCCESSFUL": lambda n: n % 2 and n % 5,
    "status = FAILED and workflow.user_metadata.rest = 2": lambda n: n % 5 == 0 and n % 3 == 2,
    "user_metadata.half = 1 or workflow.user_metadata.rest = 2": lambda n: n % 2 or n % 3 == 2,
    "user_metadata.half != 1 and workflow.user_metadata.rest != 2": lambda n: n % 2 == 0 and n % 3 != 2,
}


@pytest.mark.parametrize("first", [0, 1, 4, 1_000])
@pytest.mark.parametrize("tasks", [False, True])
def test_the_pages_are_the_same(monkeypatch: pytest.MonkeyPatch, first: int, tasks: bool) -> None:
    monkeypatch.setattr(first_rows, "_FIRST", first)
    monkeypatch.setattr(first_rows, "_FIRST_ON_SERVER", first)
    for where, holds in (OF_TASKS if tasks else CONDITIONS).items():
        found: list[str] = []
        after: str | None = None
        while True:
            page = workflow.search(where, limit=LIMIT, after=after, tasks=tasks)
            found += [one["workflow_id"] for one in page["found"]]
            if not page["truncated"]:
                break
            after = page["after"]
        assert found == [f"{n}" for n in reversed(range(COUNT)) if holds(n)], where


@pytest.mark.parametrize("first", [0, 4, 1_000])
@pytest.mark.parametrize("by", ["created_time", "workflow_id"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_the_pages_are_the_same_in_the_order_of_an_index(
    monkeypatch: pytest.MonkeyPatch, first: int, by: str, sign: str
) -> None:
    monkeypatch.setattr(first_rows, "_FIRST", first)
    expected = {"created_time": range(COUNT), "workflow_id": sorted(range(COUNT), key=str)}[by]
    for where, holds in CONDITIONS.items():
        found: list[str] = []
        after: str | None = None
        while True:
            page = workflow.search(where, order_by=sign + by, limit=LIMIT, after=after)
            found += [one["workflow_id"] for one in page["found"]]
            if not page["truncated"]:
                break
            after = page["after"]
        assert found == [f"{n}" for n in (reversed(expected) if sign else expected) if holds(n)], where


def test_what_was_given_can_be_changed_without_changing_what_is_given_next() -> None:
    before = workflow.get_metadata("7")
    for part in ("task_options", "user_metadata", "progress", "stats"):
        workflow.get_metadata("7")[part].clear()
    workflow.get_metadata("7")["progress"]["by_status"].clear()
    assert workflow.get_metadata("7") == before
