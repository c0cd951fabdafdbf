"""Questions in SQL: what they may ask, that nothing can be changed by them, and what other programs see."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from heliograph import workflow
from heliograph.storage.databases import sqlite
from heliograph.storage.versions.views import VIEWS
from tests import postgresql
from tests.conditions import DEADLINE


@workflow.task
def add(left: int, right: int) -> int:
    workflow.current().log(f"adding {right}")
    workflow.current().metric("right", right, 1)
    workflow.current().progress(1, 2)
    return left + right


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    """A folder with two workflows in it, one of which failed."""
    yield from filled(tmp_path / "it's a store #1")


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """The same, in a folder or on a server."""
    if request.param == "SQLite":
        yield from filled(tmp_path / "a store")
        return
    url = postgresql.server().database(tmp_path / "values")
    yield from filled(url)
    postgresql.server().drop(url)


def filled(place: Any) -> Iterator[Any]:
    workflow.init(storage=place, workers="threads", num_workers=1)
    workflow.run(add.bind(add.bind(1, 2), 3), workflow_id="w", metadata={"team": "blue"})
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(add.options(max_retries=1).bind("x", 3), workflow_id="bad")
    yield place
    workflow.shutdown()


def rows(query: str) -> list[tuple[Any, ...]]:
    return workflow.sql(query).rows


def test_the_views_tell_what_the_metadata_tell(place: Any) -> None:
    (found,) = rows(
        "select name, status, start_time, user_metadata from heliograph_workflows where workflow_id='w'"
    )
    metadata = workflow.get_metadata("w")
    assert found[:3] == (metadata["name"], metadata["status"], metadata["stats"]["start_time"])
    assert json.loads(found[3]) == {"team": "blue"}
    tasks = rows("select task_id, status, output_size from heliograph_tasks where workflow_id='w' order by 1")
    expected = [(task["task_id"], task["status"], task["output"]["size"]) for task in workflow.get_tasks("w")]
    assert tasks == sorted(expected)
    error = rows("select error_type, error_task_id from heliograph_runs where workflow_id='bad'")
    assert error == [("builtins.TypeError", workflow.get_tasks("bad")[0]["task_id"])]
    assert rows("select count(*) from heliograph_attempts where compute >= 0 and status = 'SUCCESSFUL'") == [
        (2,)
    ]
    refs = workflow.get_tasks("w")[-1]["workflow_refs"]
    assert [(need,) for need in refs] == rows("select upstream from heliograph_dependencies")
    options = rows("select task_id, options from heliograph_tasks")
    every = [*workflow.get_tasks("w"), *workflow.get_tasks("bad")]
    assert sorted((name, json.loads(text)["max_retries"]) for name, text in options) == sorted(
        (task["task_id"], task["task_options"]["max_retries"]) for task in every
    )
    logs = rows("select task_id, number, text from heliograph_logs where workflow_id = 'w' order by number")
    assert logs == [(one["task_id"], one["number"], one["text"]) for one in workflow.get_logs("w")]
    metrics = rows("select key, value, step from heliograph_metrics where workflow_id = 'w' order by number")
    assert metrics == [(one["key"], one["value"], one["step"]) for one in workflow.get_metrics("w")]
    done = rows("select done, total from heliograph_attempts where workflow_id = 'w'")
    assert done == [(1.0, 2.0), (1.0, 2.0)]


def test_the_columns_are_those_that_are_told_of(place: Any) -> None:
    assert workflow.sql_views().keys() == VIEWS.keys()
    for name, view in workflow.sql_views().items():
        assert list(workflow.sql(f"select * from {name}").columns) == list(view["columns"])


def test_a_client_of_postgresql_can_ask_the_views(tmp_path: Path) -> None:
    url = postgresql.server().database(tmp_path / "values")
    for _ in filled(url):
        with postgresql.connect(url) as other:
            found = other.execute("select task_id, text from heliograph_logs order by number").fetchall()
            assert [row["text"] for row in found] == ["adding 2", "adding 3", "adding 3"]
    postgresql.server().drop(url)


def test_any_other_client_can_ask_the_views(storage: Path) -> None:
    with closing(sqlite3.connect(storage / "heliograph.db")) as other:
        assert other.execute("select count(*) from heliograph_tasks").fetchone() == (3,)
        with pytest.raises(sqlite3.Error):
            other.execute("update heliograph_tasks set status = 'FAILED'")


def test_a_store_from_before_the_views_gets_them(storage: Path) -> None:
    with closing(sqlite3.connect(storage / "heliograph.db")) as other:
        for name in VIEWS:
            other.execute(f"drop view {name}")
    assert rows("select count(*) from heliograph_workflows") == [(2,)]


@pytest.mark.parametrize(
    "query",
    [
        "delete from tasks",
        "insert into workflows (workflow_id) values ('x')",
        "update heliograph_tasks set status = 'FAILED'",
        "drop view heliograph_tasks",
        "create table x (y)",
        "create temp table x (y)",
        "attach database 'other.db' as other",
        "pragma journal_mode = delete",
        "pragma writable_schema = 1",
        "vacuum into 'copy.db'",
        "begin immediate",
        "with gone as (select 1) delete from workflows",
        "select 1; delete from tasks",
        "select load_extension('x')",
        "",
        "selec",
        "select nothing from heliograph_tasks",
        "select \ud800",
    ],
)
def test_nothing_can_be_changed_and_what_is_wrong_is_told(
    storage: Path, query: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = rows("select count(*) from tasks")
    with pytest.raises(ValueError, match="SQL"):
        workflow.sql(query)
    assert rows("select count(*) from tasks") == before
    assert [file.name for file in tmp_path.iterdir()] == [storage.name]


def test_a_limit_and_what_is_no_query(storage: Path) -> None:
    assert len(workflow.sql("select * from heliograph_tasks", limit=2)) == 2
    with pytest.raises(TypeError, match="an SQL query must be a str, not 7"):
        workflow.sql(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="limit must be an int or None, not '7'"):
        workflow.sql("select 1", limit="7")  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", ["while it is looked at", "while it runs"])
def test_what_the_handler_of_a_signal_raises_amid_a_query_comes_out(
    storage: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C does so. SQLite calls functions of Python's, and drops what these raise."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        raise ZeroDivisionError("it was the handler")

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)  # which the main thread gets, as it does Ctrl-C

    def look(_action: int, *_: str | None) -> int:
        if once:
            once.pop()()
        return sqlite3.SQLITE_OK

    def ask() -> None:
        if moment == "while it runs":
            threading.Timer(0.1, interrupt).start()
        else:
            monkeypatch.setattr(sqlite, "_authorized", look)
        workflow.sql("with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n")

    once = [interrupt]
    rows("select 1 from heliograph_tasks")
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with pytest.raises(ZeroDivisionError, match="it was the handler"):
            ask()
    finally:
        signal.signal(signal.SIGUSR1, before)
    for thread in threading.enumerate():
        if thread.name == "heliograph-sql":
            thread.join(DEADLINE)
            assert not thread.is_alive()


def test_columns_of_one_name_and_blobs(storage: Path) -> None:
    found = workflow.sql("select 1 as a, 2 as a, x'00ff' as b, null as c")
    assert found.columns == {"a": (1,), "a_1": (2,), "b": (b"\x00\xff",), "c": (None,)}
