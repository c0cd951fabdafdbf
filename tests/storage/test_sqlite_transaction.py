"""Transactions of SQLite's that are one statement: what comes of them is what would, said one by one."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.status import WorkflowStatus
from heliograph.storage.databases.backend import NotAsHopedError
from heliograph.storage.databases.sqlite_transaction import MISSED, Gathered, ProgrammedConnection
from heliograph.storage.entries import Accepted, Refused, Submission
from heliograph.storage.journal.journal import Batch, Journal
from tests.conditions import until
from tests.storage.opened import NOBODY, Opened, chain, opened

FOREVER = float("inf")
ADD = "INSERT INTO things (name, size) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
GROW = "UPDATE things SET size = size + ? WHERE name = ?"
NOTE = "INSERT INTO notes (text) VALUES ((SELECT name || ' is ' || size FROM things WHERE name = ?))"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[ProgrammedConnection]:
    path = tmp_path / "things.db"
    with closing(sqlite3.connect(path, isolation_level=None, factory=ProgrammedConnection)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER CHECK (size < 100))")
        made.execute("CREATE TABLE notes (text TEXT NOT NULL)")
        yield made


def rows(connection: sqlite3.Connection) -> tuple[list[Any], list[Any]]:
    things = connection.execute("SELECT name, size FROM things ORDER BY name").fetchall()
    return things, [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]


def told(connection: ProgrammedConnection, work: Callable[[], object]) -> list[str]:
    """What SQLite was told meanwhile; it says one that sets off a trigger again for each step of that."""
    said: list[str] = []
    connection.set_trace_callback(said.append)
    work()
    connection.set_trace_callback(None)
    return list(dict.fromkeys(said))


def grown(connection: ProgrammedConnection, name: str, size: int) -> None:
    gathered = Gathered(connection)
    gathered.execute(ADD, (name, 0))
    gathered.expect_one(GROW, (size, name))
    gathered.execute(NOTE, (name,))
    gathered.commit()


def test_changes_are_carried_out_in_their_order_and_from_the_second_time_on_as_one(
    connection: ProgrammedConnection,
) -> None:
    assert len(told(connection, lambda: grown(connection, "a", 1))) == 5
    told(connection, lambda: grown(connection, "b", 2))
    for name, size in (("c", 3), ("a", 10)):
        assert len(told(connection, lambda name=name, size=size: grown(connection, name, size))) == 1  # type: ignore[misc]
    assert rows(connection) == ([("a", 11), ("b", 2), ("c", 3)], ["a is 1", "b is 2", "c is 3", "a is 11"])
    assert not connection.in_transaction


@pytest.mark.parametrize("known", [0, 1, 2])
def test_what_changes_no_row_undoes_all(connection: ProgrammedConnection, known: int) -> None:
    """Said one by one, when the program is made, and when it is there."""

    def miss(name: str) -> None:
        gathered = Gathered(connection)
        gathered.execute(NOTE, ("a",))
        gathered.expect_one(GROW, (1, name))
        gathered.execute(ADD, ("z", 1))
        gathered.commit()

    connection.execute("INSERT INTO things VALUES ('a', 0)")
    for _ in range(known):
        miss("a")
    before = rows(connection)
    with pytest.raises((NotAsHopedError, sqlite3.IntegrityError), match=MISSED):
        miss("nobody")
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    assert rows(connection) == before
    miss("a")
    assert rows(connection) != before


@pytest.mark.parametrize("known", [0, 2])
def test_an_error_of_any_statement_undoes_all(connection: ProgrammedConnection, known: int) -> None:
    for size in (1,) * known:
        grown(connection, "a", size)
    before = rows(connection)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        grown(connection, "a", 1_000)
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    assert rows(connection) == before


def test_who_asks_sees_what_was_changed_before(connection: ProgrammedConnection) -> None:
    gathered = Gathered(connection)
    gathered.execute(ADD, ("a", 1))
    gathered.expect_one(GROW, (1, "a"))
    assert gathered.execute("SELECT size FROM things").fetchall() == [(2,)]
    assert gathered.in_transaction
    gathered.expect_one(GROW, (1, "a"))
    with pytest.raises(NotAsHopedError):
        gathered.expect_one(GROW, (1, "b"))
    gathered.cursor().executemany(ADD, [("b", 1), ("c", 1)])
    gathered.commit()
    assert rows(connection)[0] == [("a", 3), ("b", 1), ("c", 1)]


def test_a_question_mark_in_a_text_and_many_values(connection: ProgrammedConnection) -> None:
    for count in (3, 3, 3, 400, 400):
        gathered = Gathered(connection)
        gathered.executemany(ADD, [(f"what? {number}", number % 90) for number in range(count)])
        gathered.execute(NOTE, ("what? 1",))
        gathered.commit()
    things, notes = rows(connection)
    assert len(things) == 400
    assert notes == ["what? 1 is 1"] * 5


def test_more_values_than_a_view_has_columns(connection: ProgrammedConnection) -> None:
    for _ in range(3):
        gathered = Gathered(connection)
        for number in range(1_100):
            gathered.execute(ADD, (f"{number}", number % 90))
        gathered.commit()
    assert len(rows(connection)[0]) == 1_100


def test_nothing_at_all(connection: ProgrammedConnection) -> None:
    assert told(connection, Gathered(connection).commit) == []


def test_two_connections_wait_for_each_other(connection: ProgrammedConnection, tmp_path: Path) -> None:
    def count(name: str, with_programs: bool) -> None:
        with closing(
            sqlite3.connect(
                tmp_path / "things.db", isolation_level=None, factory=ProgrammedConnection, timeout=60
            )
        ) as other:
            for _ in range(60):
                gathered = Gathered(other)
                gathered.execute(ADD, (name, 0))
                gathered.expect_one(GROW, (1, name))
                if not with_programs:
                    gathered.settle()
                gathered.commit()

    threads = [threading.Thread(target=count, args=(f"{place}", place % 2)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(connection)[0] == [(f"{place}", 60) for place in range(4)]


# -- what engines commit


def all_rows(store: Opened) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(store.database)) as other:
        tables = other.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return {
            name: other.execute(f"SELECT {_columns(other, name)} FROM {name} ORDER BY 1, 2").fetchall()
            for (name,) in tables
            if name not in ("owners", "runs", "workflow_counts", "storage", "sqlite_sequence")
        }


def _columns(other: sqlite3.Connection, table: str) -> str:
    """All but who has what: that is another engine each time."""
    columns = [row[1] for row in other.execute(f"PRAGMA table_info({table})")]
    return ", ".join(column for column in columns if column != "owner")


def commits(store: Opened, journal: Journal) -> list[object]:
    """Everything that small commits do, several times; what they were answered."""
    answers: list[object] = []
    plan, arguments, _ = store.store.with_arguments(make_plan(chain(), Inputs()))

    def new(name: str) -> Submission:
        return Submission(name, plan, arguments, '{"a": 1}', WorkflowStatus.RUNNING, NOBODY, store.clock())

    before: Accepted | None = None
    for number in range(4):
        run = store.submit(journal, f"w{number}")
        answers.append(run)
        answers.append(store.succeed(journal, run, 0))
        changes = [store.success(run, 1)]
        if before is not None:  # a run that is over, and one that never was
            changes += [store.success(before, 1), replace(store.success(run, 0), run=run.run + 7)]
        answers.append(journal.commit(Batch([new(f"beside-{number}")], changes[:1])))
        answers.append(journal.commit(Batch([new(f"w{number}")], changes[1:])))
        before = run
    return answers


def test_commits_that_are_one_statement_store_the_same(tmp_path: Path) -> None:
    stored = []
    for crowded_until in (0.0, FOREVER):
        store = opened(tmp_path / f"{crowded_until}.db")
        journal = store.journal()
        journal._crowded_until = crowded_until
        answers = commits(store, journal)
        assert Refused(None) in [answer for one in answers for answer in getattr(one, "answers", ())]
        stored.append((answers, all_rows(store)))
        store.store.close()
    assert stored[0] == stored[1]


def test_beside_a_thread_that_computes_a_commit_is_one_statement(tmp_path: Path) -> None:
    store = opened(tmp_path / "crowded.db")
    journal = store.journal()
    raw = store.store._database._the_writer().raw
    is_over, numbers = False, itertools.count()

    def compute() -> None:
        while not is_over:
            sum(range(100))

    def is_one_statement() -> bool:
        run = store.submit(journal, f"w{next(numbers)}")
        return len(told(raw, lambda: store.succeed(journal, run, 0))) == 1

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        until(is_one_statement, what="a commit to be slow, which it is where the thread is at work")
    finally:
        is_over = True
        thread.join()
    store.store.close()
