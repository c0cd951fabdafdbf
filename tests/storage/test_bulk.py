"""Many rows told at once: what is stored is what would be, told one by one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Dialect, bindparam, insert, update
from sqlalchemy.sql import ClauseElement

from heliograph.storage.statements.bulk import LEAST
from heliograph.storage.statements.compiling import worded
from heliograph.storage.statements.composing import replacing
from heliograph.storage.statements.statement import Statement
from heliograph.storage.tables import schema
from tests.storage.opened import Opened

AWKWARD: list[dict[str, Any]] = [
    {"kind": None, "data": b"\x00\xff'\\", "location": None, "size": 2**40},
    {"kind": "ü \\ \" ' \n \t %s {} \u2028", "data": b"", "location": None, "size": 0},
    {"kind": "😀", "data": None, "location": "a/b", "size": 1},
]


def prepared(statement: ClauseElement, dialect: Dialect, columns: Sequence[str] = ()) -> Statement:
    return Statement(partial(worded, statement, columns, dialect))


@pytest.mark.parametrize("count", [1, LEAST - 1, LEAST, 2 * LEAST + 3, 2_500])
def test_rows_in_the_order_of_their_columns(here: Opened, count: int) -> None:
    database, table = here.store._database, schema.stored_values
    statement = prepared(replacing(table, database.dialect), database.dialect, table.c.keys())
    columns = [column.name for column in table.columns]
    rows = [
        {"workflow": 1, "role": "output", "task": task, "sha256": f"{task}", **AWKWARD[task % 3]}
        for task in range(count)
    ]
    again = [row | {"sha256": "again"} for row in rows]
    with database.write() as connection:
        for told in (rows, again):
            statement.put(connection, [tuple([row[name] for name in columns]) for row in told])
            assert stored(connection) == told
        statement.put(connection, [])
        assert stored(connection) == again
        connection.execute(table.delete())  # nobody's workflow has them


@pytest.mark.parametrize("count", [LEAST - 1, LEAST, 2_500])
def test_inserts_that_replace(here: Opened, count: int) -> None:
    database = here.store._database
    columns = list(schema.stored_values.c.keys())
    statement = prepared(replacing(schema.stored_values, database.dialect), database.dialect, columns)
    rows = [
        {"workflow": 1, "role": "output", "task": task, "sha256": f"{task}", **AWKWARD[task % 3]}
        for task in range(count)
    ]
    again = [row | {"sha256": "again"} for row in rows]
    with database.write() as connection:
        statement.tell(connection, *rows)
        assert stored(connection) == rows
        statement.tell(connection, *again)
        assert stored(connection) == again
        connection.execute(schema.stored_values.delete())  # nobody's workflow has them


def stored(connection: Any) -> list[dict[str, Any]]:
    asked = schema.stored_values.select().order_by(schema.stored_values.c.task)
    return [dict(row._mapping) for row in connection.execute(asked)]


def test_updates_change_what_they_name_and_nothing_else(here: Opened) -> None:
    database, tasks = here.store._database, schema.tasks
    make = prepared(insert(tasks), database.dialect, tasks.c.keys())
    due = prepared(
        update(tasks).where(
            tasks.c.workflow == bindparam("of_workflow"), tasks.c.task == bindparam("of_task")
        ),
        database.dialect,
        ["status", "due"],
    )
    rows = [
        dict.fromkeys(tasks.c.keys())
        | {"workflow": key, "task": task, "task_id": f"t{task}", "function": 0, "status": "PENDING"}
        | {"options": "{}", "user_metadata": "{}"}
        for key in (1, 2)
        for task in range(20)
    ]
    told = [
        {"of_workflow": 1, "of_task": task, "status": "READY", "due": 1_700_000_000.123456 + task}
        for task in range(10)
    ]
    with database.write() as connection:
        make.tell(connection, *rows)
        due.tell(connection, *told)
        found = connection.execute(tasks.select().where(tasks.c.status == "READY").order_by(tasks.c.task))
        assert [(row.workflow, row.task, row.due) for row in found] == [
            (1, one["of_task"], one["due"]) for one in told
        ]
        connection.execute(tasks.delete())


def test_what_json_can_not_hold_is_told_one_by_one(here: Opened) -> None:
    database, labels = here.store._database, schema.workflow_labels
    statement = prepared(insert(labels), database.dialect, labels.c.keys())
    rows = [
        {"workflow": 1, "path": f"p{place}", "place": place, "text": None, "number": float("inf")}
        for place in range(LEAST)
    ]
    with database.write() as connection:
        statement.tell(connection, *rows)
        found = connection.execute(labels.select()).all()
    assert [row.number for row in found] == [float("inf")] * LEAST
