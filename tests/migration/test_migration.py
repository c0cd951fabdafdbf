"""A store of an older version is brought to this one, and nothing in it is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heliograph import workflow
from heliograph.cli.app import run
from heliograph.graph.function import describe
from heliograph.graph.task import Task
from heliograph.storage.liveness import this_process
from heliograph.storage.location import locate
from heliograph.storage.statements.connection import Connection
from heliograph.storage.store import Store
from heliograph.storage.tables.layout import VERSION
from heliograph.storage.versions import upgrading
from tests import postgresql
from tests.invariants import check_store

HERE = Path(__file__).parent
VERSIONS = range(1, VERSION)
WRITTEN_BY = (3, 11)
"""The Python that wrote them, and that alone can run the code in them."""

Shape = dict[str, object]


def shape(database: Path) -> Shape:
    """The tables and views with their columns, and the indexes; in whatever order they were made."""
    with closing(sqlite3.connect(database)) as connection:
        names = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        found: Shape = {
            name: {row[1:] for row in connection.execute(f"PRAGMA table_xinfo({name})")}
            for (name,) in connection.execute(names).fetchall()
        }
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL"
        )
        return found | dict(indexes.fetchall())


def text_of(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def version_of(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT version FROM heliograph_schema").fetchone()[0])


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@workflow.task
def one() -> int:
    return 1


def fail(*_: object) -> None:
    raise ValueError("no")


@pytest.fixture
def old(version: int, tmp_path: Path) -> Iterator[Path]:
    """A store as that version wrote it: dumped from its database, with its values."""
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "heliograph.db")) as connection:
        connection.executescript((HERE / f"version_{version}.sql").read_text())
        if sys.version_info[:2] != WRITTEN_BY:
            stored = describe(Task(fail)).payload
            connection.execute("UPDATE functions SET payload = ? WHERE qualname = 'fail'", (stored,))
            connection.commit()
    if (HERE / f"version_{version}-values").exists():
        shutil.copytree(HERE / f"version_{version}-values", folder / "heliograph-values")
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


def test_what_was_stored_is_there_and_can_be_searched(old: Path, version: int) -> None:
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
    changes = [change["kind"] for change in workflow.watch("good")]
    assert changes[-1] == "run"
    assert version > 1 or changes == ["run"]  # it wrote no changes down
    sizes = [file.stat().st_size for file in old.glob("heliograph-values/*/*")]
    checked = workflow.check_values()
    assert checked.pop("rows") > 0
    nothing: dict[str, object] = {"damaged": [], "damaged_rows": []}
    assert checked == {"values": len(sizes), "bytes": 70_024 * len(sizes)} | nothing
    assert len(sizes) == (0 if version == 1 else 1)
    counted = {group["by"]["status"]: group["count"] for group in workflow.summarize("status")}
    assert counted == {"SUCCESSFUL": 1, "FAILED": 1}


def test_it_goes_on(old: Path) -> None:
    workflow.init(storage=old, workers="threads")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.resume("bad")
    assert [run["reason"] for run in workflow.get_history("bad")] == ["start", "retry"]


def test_a_copy_of_it_as_it_was_is_kept(old: Path, version: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = text_of(old / "heliograph.db")
    kept = old / f"heliograph.db.version-{version}"
    assert run(["--storage", str(old), "storage", "upgrade"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"upgraded from version {version} to {VERSION}" in said
    assert kept.name in said
    assert text_of(kept) == before
    assert version_of(old / "heliograph.db") == VERSION
    assert workflow.upgrade_storage(old) == {"before": VERSION, "now": VERSION, "kept": None}
    # And from the copy there is a way back, and on again.
    os.replace(kept, old / "heliograph.db")
    Store(locate(old)).close()
    assert version_of(old / "heliograph.db") == VERSION


def test_an_upgrade_that_breaks_off_changes_nothing(
    old: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = text_of(old / "heliograph.db")

    def break_off(connection: Connection) -> None:
        connection.raw.execute("DROP TABLE said") if version > 1 else None
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setitem(upgrading.STEPS, VERSION - 1, break_off)  # type: ignore[misc]
        with pytest.raises(KeyboardInterrupt):
            Store(locate(old))
    assert text_of(old / "heliograph.db") == before
    Store(locate(old)).close()
    assert version_of(old / "heliograph.db") == VERSION


def test_it_is_not_changed_below_an_engine_that_knows_the_older_one(old: Path) -> None:
    owner = this_process("embedded", time.time())
    columns = ("owner_id", "host", "machine", "pid", "process_start", "engine", "lease_until")
    with closing(sqlite3.connect(old / "heliograph.db")) as connection:
        connection.execute(
            f"INSERT INTO owners ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [getattr(owner, name) for name in columns],
        )
        connection.commit()
        with pytest.raises(workflow.StorageError, match=rf"in use by process {os.getpid()} on"):
            Store(locate(old))
        connection.execute("UPDATE owners SET lease_until = 0")
        connection.commit()
    Store(locate(old)).close()


def test_a_newer_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store(locate(tmp_path)).close()
    with closing(sqlite3.connect(tmp_path / "heliograph.db")) as connection:
        connection.execute("UPDATE heliograph_schema SET version = version + 1")
        connection.commit()
    before = text_of(tmp_path / "heliograph.db")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: Store(locate(tmp_path)),
        lambda: workflow.upgrade_storage(tmp_path),
        lambda: workflow.copy_storage(tmp_path, tmp_path / "other"),
        lambda: workflow.backup_storage(tmp_path / "other", tmp_path),
    )
    for call in calls:
        with pytest.raises(workflow.StorageVersionError, match="upgrade heliograph, or name another storage"):
            call()
    assert run(["--storage", str(tmp_path), "ls"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert text_of(tmp_path / "heliograph.db") == before


@pytest.mark.parametrize("before", [2, 4, 5])
def test_one_on_a_server_is_upgraded_by_its_keeper_alone(before: int) -> None:
    server = postgresql.server()
    url = server.database(HERE / "unused")
    name = str(psycopg.conninfo.conninfo_to_dict(postgresql.plain(url))["dbname"])
    try:
        workflow.init(storage=url, workers="threads")
        assert workflow.run(one.bind(), workflow_id="mine") == 1
        known = workflow.get_metadata("mine")
        workflow.shutdown()
        came = [("attempts", "start_rss", 6)]
        came += [("workflows", column, 5) for column in ("owner", "start_time", "end_time")]
        for table, column, version in came:
            if before < version:  # with the views that read them
                server.tell("ALTER TABLE {} DROP COLUMN {} CASCADE", table, column, database=name)
        server.tell(f"UPDATE heliograph_schema SET version = {before}", database=name)
        with pytest.raises(workflow.StorageVersionError, match="run `heliograph storage upgrade`"):
            Store(locate(url))
        assert run(["--storage", url, "storage", "upgrade"]) == 0
        workflow.init(storage=url)
        assert workflow.get_metadata("mine") == known
        asked = "SELECT workflow_id, end_time, engine FROM heliograph_workflows"
        assert workflow.sql(asked).rows == [("mine", known["stats"]["end_time"], "embedded")]
        check_store(url)
    finally:
        workflow.shutdown()
        server.drop(url)
