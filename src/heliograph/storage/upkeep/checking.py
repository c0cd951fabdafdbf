"""Rows and values, in the database and outside of it, read one by one: which are damaged or gone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, select

from heliograph.errors import StorageCorruptError, StorageError
from heliograph.records.status import ACTIVE
from heliograph.storage.databases.database import Database
from heliograph.storage.rows import options_of
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role
from heliograph.storage.upkeep import looking
from heliograph.storage.values.value_store import ValueStore


@dataclass(frozen=True, slots=True)
class DamagedValue:
    """A value that can't be read.

    Attributes:
        workflow_id: of the workflow it belongs to.
        task_id: of the task.
        role: what it is to that.
        error: what is wrong.
        is_forgotten: its row is gone: a resume makes it again.
    """

    workflow_id: str
    task_id: str
    role: Role
    error: str
    is_forgotten: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: how many values there are outside, their bytes, and damaged ones; of rows the same."""

    values: int
    values_bytes: int
    damaged: Sequence[DamagedValue]
    rows: int
    damaged_rows: Sequence[StorageCorruptError]


def check(database: Database, values: ValueStore, forget: bool, told: looking.Told) -> Checked:
    """Read all rows and all values.

    Args:
        database: with the rows that name them.
        values: where they are.
        forget: forget outputs that are damaged, of tasks that may run again.
        told: how far it is.

    Raises:
        StorageError: the storage can't be read.
    """
    outside = schema.stored_values.c.location.is_not(None)
    rows, damaged_rows = looking.damaged_rows(database, looking.TABLES, told)
    with database.careful() as connection:
        found = list(looking.looked_at(_values(outside), connection, []))  # the others were just named
        inside = looking.looked_at(_values(~outside), connection, [])
        wrong = [row for row in inside if hashlib.sha256(row.data).hexdigest() != row.sha256]
    damaged: list[DamagedValue] = []
    for number, row in enumerate(found):
        told("values", number, len(found))
        try:
            with values.open(row.location, row.sha256):
                pass
        except StorageError as error:  # what can't be read now is named, and not forgotten: it may be well
            if _is_there(database, row):
                is_forgotten = forget and isinstance(error, StorageCorruptError) and _forget(database, row)
                damaged.append(_damaged(row, str(error), is_forgotten))
    for row in wrong:
        what = "the value in the database is not the one whose sha256 is stored with it"
        damaged.append(_damaged(row, what, forget and _forget(database, row)))
    told("values", len(found), len(found))
    return Checked(len(found), sum(row.size for row in found), damaged, rows, damaged_rows)


def _values(where: ColumnElement[bool]) -> Select[Any]:
    stored, tasks, workflows = schema.stored_values, schema.tasks, schema.workflows
    of_task = and_(tasks.c.workflow == stored.c.workflow, tasks.c.task == stored.c.task)
    return (
        select(
            stored.c.workflow,
            stored.c.task,
            stored.c.role,
            stored.c.data,
            stored.c.location,
            stored.c.sha256,
            stored.c.size,
            tasks.c.task_id,
            tasks.c.options,
            tasks.c.user_metadata,
            workflows.c.workflow_id,
        )
        .select_from(stored.join(tasks, of_task).join(workflows, workflows.c.key == stored.c.workflow))
        .where(where)
    )


def _damaged(row: Any, error: str, is_forgotten: bool) -> DamagedValue:
    return DamagedValue(row.workflow_id, row.task_id, Role(row.role), error, is_forgotten)


def _is_there(database: Database, row: Any) -> bool:
    """Whether the row still is, when its value is not: else somebody deleted both meanwhile."""
    with database.read() as connection:
        return (
            connection.execute(select(schema.stored_values.c.size).where(_exactly(row))).first() is not None
        )


def _forget(database: Database, row: Any) -> bool:
    options = options_of(row.task_id, row.options, row.user_metadata)
    if row.role != Role.OUTPUT or options.max_retries == 0:
        return False
    workflows = schema.workflows
    with database.write() as connection:
        database.lock(connection, keys=[row.workflow])
        status = connection.execute(
            select(workflows.c.status).where(workflows.c.key == row.workflow)
        ).scalar()
        if status in ACTIVE:  # its engine has what it needs of it in memory, and will see for itself
            return False
        forgotten = connection.execute(delete(schema.stored_values).where(_exactly(row)))
        return bool(forgotten.rowcount == 1)


def _exactly(row: Any) -> Any:
    stored = schema.stored_values
    return and_(
        stored.c.workflow == row.workflow,
        stored.c.role == row.role,
        stored.c.task == row.task,
        stored.c.location == row.location,
        stored.c.data == row.data,  # one that was made again has no other location
    )
