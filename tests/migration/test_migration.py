"""A store of an older version is brought to this one, and nothing in it is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from heliograph import workflow
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.invariants import check_store

Shape = dict[str, object]


def shape(database: Path) -> Shape:
    """The tables with their columns, the indexes and the views; in whatever order they were made."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: Shape = {
            table: {row[1:] for row in connection.execute(f"PRAGMA table_xinfo({table})")} for table in tables
        }
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL"
        )
        views = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'")
        return found | dict(indexes.fetchall()) | dict(views.fetchall())


@pytest.fixture(params=[1, 2])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A store of an older version."""
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "heliograph.db")) as connection:
        connection.executescript((Path(__file__).parent / f"version_{request.param}.sql").read_text())
    yield folder
    workflow.shutdown()
    check_store(folder / "heliograph.db")


def test_it_has_the_shape_of_a_new_one(old: Path, tmp_path: Path) -> None:
    for folder in (old, tmp_path / "new"):
        Store(locate(folder)).close()
    migrated, made = shape(old / "heliograph.db"), shape(tmp_path / "new" / "heliograph.db")
    assert {name: columns for name, columns in migrated.items() if name != "owners"} == {
        name: columns for name, columns in made.items() if name != "owners"
    }
    names = [{column[0] for column in found["owners"]} for found in (migrated, made)]  # type: ignore[attr-defined]
    assert names[0] == names[1]


def test_what_was_stored_is_there_and_can_be_searched(old: Path) -> None:
    workflow.init(storage=old, workers="threads")
    assert dict(workflow.list_all()) == {"good": "SUCCESSFUL", "bad": "FAILED"}
    assert workflow.get_output("good") == 6
    assert workflow.get_metadata("good", tasks=True)["tasks"][1]["user_metadata"] == {"unit": "orders"}
    for where, tasks in (
        ('user_metadata.team = "blue"', False),
        ("user_metadata.tags contains 1", False),
        ("user_metadata.unit = orders", True),
    ):
        (found,) = workflow.search(where, tasks=tasks)["found"]
        assert found["workflow_id"] == "good"
    assert next(workflow.watch("good"))["kind"] == "run"
    assert workflow.get_metadata("good", "first")["task_options"]["max_retries"] == 3
    query = "select json_extract(options, '$.max_retries') from heliograph_tasks where workflow_id = 'good'"
    assert workflow.sql(query).rows == [(3,), (3,)]


def test_it_goes_on(old: Path) -> None:
    workflow.init(storage=old, workers="threads")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.resume("bad")
    assert [run["reason"] for run in workflow.get_history("bad")] == ["start", "retry"]
