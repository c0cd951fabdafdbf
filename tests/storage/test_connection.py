"""One connection, used by prepared statements and by SQLAlchemy."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest
from sqlalchemy import delete, insert, select, text

from heliograph.storage.databases.database import Database
from heliograph.storage.location import locate
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables import schema
from tests.storage.opened import Opened

COUNTS = schema.workflow_counts


def test_both_see_the_same_transaction(here: Opened) -> None:
    database = here.store._database
    said = statements(database.kind, "counts")

    def write(connection: Connection) -> None:
        said.add.put(connection, [(1, "FAILED", 5)])
        connection.execute(insert(COUNTS).values(shard=2, status="FAILED", workflows=7))
        assert set(connection.execute(select(COUNTS.c.workflows)).scalars()) == {5, 7}
        assert [int(row.workflows) for row in said.by_status.ask(connection)] == [12]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.written(write)
    with database.read() as connection:
        assert connection.execute(select(COUNTS)).all() == said.by_status.ask(connection).all() == []


def test_a_statement_that_fails_leaves_the_connection_of_use(here: Opened) -> None:
    database = here.store._database
    for _ in range(2):
        with pytest.raises(Exception, match="no_such_table"), database.read() as connection:
            connection.execute(text("SELECT * FROM no_such_table"))
        with database.read() as connection:
            assert connection.execute(select(COUNTS)).all() == []
    with database.write() as connection:
        connection.execute(delete(COUNTS))


def test_one_that_comes_back_to_a_closed_store_is_closed(here: Opened) -> None:
    with here.store._database.read() as connection:
        here.store.close()
        assert connection.raw.execute("SELECT 1").fetchone() == (1,)  # who has it may go on
    with pytest.raises(Exception, match="closed"):
        connection.raw.execute("SELECT 1")


def test_connections_are_used_again(tmp_path: Path) -> None:
    database = Database(locate(tmp_path))
    path = str(tmp_path / "heliograph.db")

    def opened() -> int:
        return [file.path for file in psutil.Process().open_files()].count(path)

    for _ in range(3):
        with contextlib.ExitStack() as held:
            for _ in range(20):
                held.enter_context(database.read()).execute(text("SELECT count(*) FROM sqlite_master")).all()
        assert opened() == 20  # SQLite keeps files of connections that were closed, for the next ones
    database.close()
    assert opened() == 0
