"""What `storage.questions.traces` says."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import fields
from typing import Any

from sqlalchemy import BindParameter, Dialect, Table, bindparam, select

from heliograph.records.trace import FACTS, USE, AttemptColumns, OutputColumns, TaskColumns
from heliograph.records.workflow import FunctionRecord
from heliograph.storage.statements.composing import Composed, constant
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    tasks, values, needs = schema.tasks, schema.stored_values, schema.dependencies
    functions, attempts = schema.functions, schema.attempts
    key: BindParameter[int] = bindparam("of_workflow")
    of_tasks = select(*_columns(tasks, TaskColumns)).where(tasks.c.workflow == key).order_by(tasks.c.task)
    of_attempts = (
        select(*_columns(attempts, AttemptColumns))
        .where(attempts.c.workflow == key)
        .order_by(attempts.c.task, attempts.c.attempt)
    )
    return {
        "tasks": Composed(of_tasks),
        "task_times": Composed(of_tasks.with_only_columns(*_times(tasks, TaskColumns))),
        "needs": Composed(
            select(needs.c.task, needs.c.upstream)
            .where(needs.c.workflow == key)
            .order_by(needs.c.task, needs.c.place)
        ),
        "functions": Composed(
            select(*_columns(functions, FunctionRecord))
            .where(functions.c.workflow == key)
            .order_by(functions.c.function)
        ),
        "attempts": Composed(of_attempts),
        "attempt_use": Composed(of_attempts.with_only_columns(*_times(attempts, AttemptColumns, USE))),
        "attempt_times": Composed(of_attempts.with_only_columns(*_times(attempts, AttemptColumns))),
        "outputs": Composed(
            select(*_columns(values, OutputColumns))
            .where(values.c.workflow == key, values.c.role == constant(Role.OUTPUT))
            .order_by(values.c.task)
        ),
        "arguments": Composed(
            select(values.c.task, values.c.sha256)
            .where(values.c.workflow == key, values.c.role == constant(Role.ARGUMENTS))
            .order_by(values.c.task)
        ),
    }


def _columns(table: Table, record: type) -> list[Any]:
    """The columns of a table that a record has, by its names."""
    return [table.c[field.name] for field in fields(record) if field.name in table.c]


def _times(table: Table, record: type, more: Set[str] = frozenset()) -> list[Any]:
    """Those of them from which times are told, and some more."""
    return [column for column in _columns(table, record) if column.name not in FACTS - more]
