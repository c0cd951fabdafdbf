"""Room in the write-ahead log: made once, ahead of the commits that would make it bit by bit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from heliograph import workflow
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import until

ROOM = 4_000_000


@workflow.task
def one() -> int:
    return 1


def log_of(folder: Path) -> Path:
    return folder / "heliograph.db-wal"


def test_an_engine_makes_room_for_many_commits(tmp_path: Path) -> None:
    workflow.init(storage=tmp_path, workers="threads")
    try:
        assert workflow.run(one.bind(), workflow_id="mine") == 1
        until(lambda: log_of(tmp_path).stat().st_size >= ROOM)
        assert workflow.get_status("mine") == "SUCCESSFUL"
    finally:
        workflow.shutdown()
    with closing(sqlite3.connect(tmp_path / "heliograph.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert "room" not in tables
    assert (tmp_path / "heliograph.db").stat().st_size < ROOM


def test_who_only_reads_makes_none(tmp_path: Path) -> None:
    store = Store(locate(tmp_path))
    assert store.queries.workflow("mine") is None
    assert log_of(tmp_path).stat().st_size < ROOM
    store.close()


def test_what_others_write_meanwhile_stays(tmp_path: Path) -> None:
    store = Store(locate(tmp_path))
    with closing(sqlite3.connect(tmp_path / "heliograph.db")) as other:
        other.execute("CREATE TABLE theirs (number INTEGER)")
        store_locked = sqlite3.connect(tmp_path / "heliograph.db", isolation_level=None)
        store_locked.execute("BEGIN IMMEDIATE")
        store.make_room()  # somebody writes: then there is no room, and no wait
        assert log_of(tmp_path).stat().st_size < ROOM
        store_locked.execute("INSERT INTO theirs VALUES (7)")
        store_locked.execute("COMMIT")
        store.make_room()
        assert log_of(tmp_path).stat().st_size >= ROOM
        assert other.execute("SELECT number FROM theirs").fetchall() == [(7,)]
        store_locked.close()
    store.close()
