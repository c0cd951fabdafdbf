"""Transactions that say their statements together: what comes of them is what would, said one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.status import WorkflowStatus
from heliograph.storage.databases import postgresql_transaction
from heliograph.storage.databases.postgresql_transaction import TerseConnection
from heliograph.storage.entries import Accepted, Refused, Submission
from heliograph.storage.journal.journal import Batch
from heliograph.storage.statements import rendered
from tests.storage.opened import NOBODY, Opened, chain, opened

MARK = "UPDATE tasks SET status=%(status)s::VARCHAR WHERE workflow=%(key)s::BIGINT AND task=%(task)s::INTEGER"
TASK = (
    "INSERT INTO tasks (workflow, task, task_id, function, status, options, user_metadata)"
    " VALUES (%(key)s, %(task)s, %(task)s::VARCHAR, 0, %(status)s, '', '{}')"
)
LABEL = "INSERT INTO task_labels (workflow, task, path, place, number) VALUES (%(key)s, %(task)s, 'p', 0, 1)"
COUNT = "INSERT INTO workflow_counts (shard, status, workflows) VALUES (0, %(status)s, 1)"


@pytest.fixture
def connection(database: str) -> Iterator[TerseConnection]:
    with TerseConnection.connect(database, autocommit=True) as made:
        yield made


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as other:
        return other.execute(query.encode()).fetchall()


def task(number: int, status: str = "READY") -> dict[str, Any]:
    return {"key": 1, "task": number, "status": status}


STATUSES = "SELECT task, status FROM tasks ORDER BY task"


def test_changes_are_there_after_the_commit_and_not_before(connection: Any, database: str) -> None:
    connection.begin()
    connection.execute(TASK, task(0))
    connection.execute(LABEL, {"key": 1, "task": 0})
    connection.execute(COUNT, {"status": "FAILED"})
    assert rows(database, STATUSES) == []
    connection.commit_all()
    assert rows(database, STATUSES) == [(0, "READY")]
    assert rows(database, "SELECT path, number FROM task_labels") == [("p", 1.0)]
    assert rows(database, "SELECT status, workflows FROM workflow_counts") == [("FAILED", 1)]


def test_a_change_sees_those_before_it_of_the_same_table(connection: Any, database: str) -> None:
    connection.begin()
    connection.execute(TASK, task(0))
    connection.execute(MARK, task(0, "RUNNING"))
    connection.execute(MARK, task(0, "SUCCESSFUL"))
    connection.execute(MARK, task(1, "FAILED"))  # not there
    connection.execute(TASK, task(1))
    connection.execute(
        "INSERT INTO task_labels SELECT workflow, task, status, 0, NULL, 1 FROM tasks WHERE task = %(task)s",
        {"task": 1},
    )
    connection.commit_all()
    assert rows(database, STATUSES) == [(0, "SUCCESSFUL"), (1, "READY")]
    assert rows(database, "SELECT path FROM task_labels") == [("READY",)]


def test_a_sign_said_twice_is_a_sign_and_a_value_named_twice_is_one(connection: Any, database: str) -> None:
    connection.begin()
    for number in (10, 11, 21):
        connection.execute(TASK, task(number))
    connection.execute(COUNT, {"status": "FAILED"})
    connection.execute(
        "UPDATE tasks SET status = %(status)s"
        " WHERE task_id LIKE '1%%' AND (task = %(task)s OR %(task)s = 12)",
        {"status": "FAILED", "task": 11},
    )
    connection.commit_all()
    assert rows(database, STATUSES) == [(10, "READY"), (11, "FAILED"), (21, "READY")]


def test_a_question_sees_what_was_changed_before_it(connection: Any) -> None:
    connection.begin()
    connection.execute(TASK, task(0))
    assert connection.execute(STATUSES).fetchall() == [(0, "READY")]
    connection.execute(MARK, task(0, "RUNNING"))
    with connection.cursor() as cursor:
        assert cursor.execute(STATUSES).fetchall() == [(0, "RUNNING")]
    connection.execute(MARK, task(0, "FAILED"))
    connection.commit_all()
    assert connection.execute(STATUSES).fetchall() == [(0, "FAILED")]


def test_how_many_rows_changed_is_said_of_the_last_change_alone(connection: Any) -> None:
    connection.begin()
    connection.execute(TASK, task(0))
    connection.execute(LABEL, {"key": 1, "task": 0})
    assert connection.execute(MARK, task(0, "RUNNING")).rowcount == 1
    connection.execute(LABEL, {"key": 1, "task": 1})
    assert connection.execute(MARK, task(7, "RUNNING")).rowcount == 0
    connection.execute(COUNT, {"status": "FAILED"})
    returned = connection.execute(f"{TASK} RETURNING task", task(3))
    assert returned.fetchone() == (3,)
    connection.commit_all()


def test_a_change_that_has_to_change_a_row(connection: Any, database: str) -> None:
    connection.begin()
    connection.execute(TASK, task(0))
    connection.commit_all()
    for number, later in ((0, "CANCELED"), (0, "FAILED")):
        connection.begin()
        connection.execute(LABEL, {"key": 1, "task": len(later)})
        connection.expect_one(MARK, task(number, later))
        connection.execute(COUNT, {"status": later})
        connection.commit_all()
    assert rows(database, STATUSES) == [(0, "FAILED")]
    assert rows(database, "SELECT task FROM task_labels ORDER BY task") == [(6,), (8,)]


def test_a_change_that_has_to_change_several_rows(connection: Any, database: str) -> None:
    connection.begin()
    for number in range(3):
        connection.execute(TASK, task(number))
    connection.commit_all()
    all_of_them = "UPDATE tasks SET status=%(status)s::VARCHAR WHERE workflow=%(key)s::BIGINT"
    connection.begin()
    connection.expect(all_of_them, {"key": 1, "status": "RUNNING"}, 3)
    connection.execute(COUNT, {"status": "RUNNING"})
    connection.commit_all()
    for count in (2, 4):
        connection.begin()
        connection.expect(all_of_them, {"key": 1, "status": "FAILED"}, count)
        connection.execute(COUNT, {"status": "FAILED"})
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.commit_all()
        connection.give_up()
        connection.rollback()
    assert rows(database, STATUSES) == [(number, "RUNNING") for number in range(3)]
    assert rows(database, "SELECT status FROM workflow_counts") == [("RUNNING",)]


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1), (1, 2)])
def test_one_that_changes_no_row_undoes_all(connection: Any, database: str, places: tuple[int, ...]) -> None:
    """Whether it goes with others or by itself, and wherever it stands."""
    for label in (0, 1):  # with others, and with one after it that names its table
        connection.begin()
        with pytest.raises(psycopg.errors.DivisionByZero):
            say_with_one_in_vain(connection, places, again=bool(label))
        connection.give_up()
        connection.rollback()
        assert rows(database, STATUSES) == []
        assert rows(database, "SELECT path FROM task_labels") == []
        assert rows(database, "SELECT status FROM workflow_counts") == []


def say_with_one_in_vain(connection: Any, places: tuple[int, ...], again: bool) -> None:
    said: list[tuple[str, dict[str, Any]]] = [
        (LABEL, {"key": 1, "task": 0}),
        (COUNT, {"status": "FAILED"}),
    ]
    for place in range(3):
        if place in places:
            connection.expect_one(MARK, task(7 + place, "RUNNING"))
        if place < len(said):
            connection.execute(*said[place])
    if again:
        connection.execute(TASK, task(1))
    connection.commit_all()


@pytest.mark.parametrize("place", range(4))
def test_an_error_undoes_all_whichever_statement_it_is_of(connection: Any, database: str, place: int) -> None:
    told: list[tuple[str, dict[str, Any]]] = [
        (TASK, task(0)),
        (LABEL, {"key": 1, "task": 0}),
        (MARK, task(0, "RUNNING")),
    ]
    told.insert(place, (COUNT, {"status": None}))

    def say_all() -> None:
        connection.begin()
        for query, values in told:
            connection.execute(query, values)
        connection.commit_all()

    with pytest.raises(psycopg.errors.NotNullViolation):
        say_all()
    connection.give_up()
    connection.rollback()
    assert rows(database, STATUSES) == []
    connection.begin()
    connection.execute(TASK, task(5))
    connection.commit_all()
    assert rows(database, STATUSES) == [(5, "READY")]


def test_a_transaction_that_is_given_up_leaves_nothing(connection: Any, database: str) -> None:
    connection.begin()
    connection.execute(TASK, task(0))
    assert connection.execute(MARK, task(0, "RUNNING")).rowcount == 1
    connection.execute(LABEL, {"key": 1, "task": 0})
    connection.give_up()
    connection.rollback()
    assert rows(database, STATUSES) == []
    assert rows(database, "SELECT path FROM task_labels") == []


def test_one_in_which_nothing_is_said_costs_no_trip(connection: Any, tmp_path: Path) -> None:
    with (tmp_path / "trace").open("w") as trace:
        connection.pgconn.trace(trace.fileno())
        connection.begin()
        connection.commit_all()
        connection.pgconn.untrace()
    assert (tmp_path / "trace").read_text() == ""


@pytest.fixture
def store(url: str) -> Iterator[Opened]:
    made = opened(url)
    yield made
    made.store.close()


def statements_of(raw: Any, work: Callable[[], object], file: Path) -> int:
    """How many statements the server was told on a connection while something was done."""
    with file.open("w+") as trace:
        raw.pgconn.trace(trace.fileno())
        work()
        raw.pgconn.untrace()
        trace.seek(0)
        messages = [line.split("\t")[3].strip() for line in trace if line.count("\t") > 2]
    return messages.count("Execute") + messages.count("Query")


def test_a_question_is_one_statement(store: Opened, tmp_path: Path) -> None:
    store.submit(store.journal(), "mine")
    queries = store.store.queries
    with store.store._database.read() as connection:
        raw = connection.raw  # which is the one that is taken next
    for ask in (lambda: queries.workflow("mine"), lambda: queries.workflows(newest_first=True, limit=5)):
        assert ask()
        assert statements_of(raw, ask, tmp_path / "trace") == 1


def test_what_engines_commit_is_said_in_few_statements(store: Opened, tmp_path: Path) -> None:
    journal = store.journal()
    store.succeed(journal, store.submit(journal, "first"), 0)
    raw: Any = store.store._database._the_writer().raw

    def said(commit: Callable[[], object]) -> int:
        return statements_of(raw, commit, tmp_path / "trace")

    runs: list[Accepted] = []
    assert (
        said(lambda: runs.append(store.submit(journal, "second"))) == 1
    )  # and its key, by another connection
    assert said(lambda: store.succeed(journal, runs[0], 0)) == 1
    assert said(lambda: store.succeed(journal, runs[0], 1)) == 1
    assert store.status("second") == WorkflowStatus.SUCCESSFUL
    assert store.outputs("second") == {0, 1}


def test_a_new_workflow_and_the_end_of_another_one_are_one_statement(store: Opened, tmp_path: Path) -> None:
    journal = store.journal()
    first = store.submit(journal, "first")
    store.succeed(journal, first, 0)
    plan, arguments, _ = store.store.with_arguments(make_plan(chain(), Inputs()))
    second = Submission("second", plan, arguments, '{"a": 1}', WorkflowStatus.RUNNING, NOBODY, store.clock())
    raw: Any = store.store._database._the_writer().raw
    work = partial(journal.commit, Batch([second], [store.success(first, 1)]))
    assert statements_of(raw, work, tmp_path / "trace") == 1
    assert [store.status(name) for name in ("first", "second")] == ["SUCCESSFUL", "RUNNING"]
    assert store.outputs("first") == {0, 1}
    assert store.outputs("second") == set()


def test_of_two_things_hoped_for_one_that_fails_undoes_neither(store: Opened) -> None:
    """The id is taken: that is answered, and the end of the other workflow is stored."""
    journal = store.journal()
    first = store.submit(journal, "first")
    store.succeed(journal, first, 0)
    plan, arguments, _ = store.store.with_arguments(make_plan(chain(), Inputs()))
    again = Submission("first", plan, arguments, "{}", WorkflowStatus.RUNNING, NOBODY, store.clock())
    committed = journal.commit(Batch([again], [store.success(first, 1)]))
    assert committed.answers == [Refused(None)]
    assert committed.lost == frozenset()
    assert store.status("first") == "SUCCESSFUL"
    run = store.submit(journal, "second")
    lost = replace(store.success(run, 0), run=run.run + 1)  # a run that is not this engine's
    third = Submission("third", plan, arguments, "{}", WorkflowStatus.RUNNING, NOBODY, store.clock())
    committed = journal.commit(Batch([third], [lost]))
    assert isinstance(committed.answers[0], Accepted)
    assert committed.lost == frozenset({(run.key, run.run + 1)})
    assert store.status("third") == "RUNNING"


def test_tables_are_found_where_a_statement_names_them() -> None:
    """As words they are the same, but for a column that is called as a table."""
    known = set(rendered.tables("postgresql"))
    for room in rendered._texts("postgresql")["statements"].values():
        for wording in room.values():
            for query in filter(None, (wording["sql"], wording["bulk"])):
                words = known.intersection(re.findall(r"\w+", query))
                found = postgresql_transaction._tables_in(query)
                assert found == words or (found, words - found) == ({"workflow_counts"}, {"workflows"})


def test_one_that_stands_still_is_ended_by_the_server(database: str) -> None:
    """Its process is stopped, say; what it has locked is not to be locked for as long."""
    still: Any = TerseConnection.connect(database, autocommit=True)
    still.execute("SET idle_in_transaction_session_timeout = '100ms'")
    still.begin()
    still.execute(LABEL, {"key": 1, "task": 0})
    assert still.execute(f"{TASK} RETURNING task", task(0)).fetchone() == (0,)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SET lock_timeout = '30s'")
        other.execute(TASK.encode(), task(0))  # waits until the server ends the other one
    still.close()
    assert rows(database, STATUSES) == [(0, "READY")]
    assert rows(database, "SELECT path FROM task_labels") == []


def test_who_commits_does_not_look_for_the_answer(connection: TerseConnection) -> None:
    looks: list[int] = []

    def looked(_patience: float | None) -> bool:
        looks.append(0)
        return False

    connection.execute("SELECT 1")
    connection._arrived = looked
    connection.begin()
    connection.execute(TASK, task(1))
    connection.commit_all()
    assert not looks
    assert connection.execute(STATUSES).fetchall() == [(1, "READY")]
    assert looks
