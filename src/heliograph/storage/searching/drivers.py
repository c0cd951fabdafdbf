"""Which index a search goes along: SQLite has no statistics to choose by, so it is counted, up to a limit.

Of conditions that all must hold, the one of which the fewest rows are known leads. Where its index has the
rows in the order of the page, the search goes along it and stops when the page is full. Else the rows are
taken together if they are few enough; if they are not, all rows are read one by one, the newest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, literal_column, select, true

from heliograph.records.status import ACTIVE, TaskStatus, WorkflowStatus
from heliograph.search.expressions import Comparison, Condition, Exists, OneOf, Operator, Or, Value
from heliograph.search.fields import FieldAsked, FieldKind, asked
from heliograph.storage import schema
from heliograph.storage.connection import Connection
from heliograph.storage.searching.conditions import (
    Label,
    begins_with,
    is_one_of,
    label_path,
    label_table,
    ordered,
)
from heliograph.storage.statements import constant, constants

FEW: Final = 20_000
"""So many rows are taken together, and filtered and sorted."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A way to the rows along an index.

    Attributes:
        rows: the keys of rows that may be found: of workflows, or of tasks (with their numbers).
        table: where they are read; None: from the table that is searched.
        clauses: what of that table's rows.
        is_ordered: along the index, they come in the order of the table's key.
        is_single: there is one row at most.
    """

    rows: Select[Any]
    table: Any
    clauses: Sequence[ColumnElement[bool]]
    is_ordered: bool
    is_single: bool = False


def best(connection: Connection, conditions: Sequence[Condition], tasks: bool) -> Driver | None:
    """The way with the fewest rows; None: all have too many, or there is none."""
    chosen, fewest = None, FEW + 1
    for driver in drivers(conditions, tasks):
        counted = driver.rows.with_only_columns(literal_column("1")).limit(fewest + 1).subquery()
        count = connection.execute(select(func.count()).select_from(counted)).scalar_one()
        # One that is in order is worth going along even if it has many.
        if count < fewest or (chosen is None and driver.is_ordered):
            chosen, fewest = replace(driver, is_single=count <= 1), min(count, fewest)
    return chosen


def drivers(conditions: Sequence[Condition], tasks: bool) -> Iterator[Driver]:
    """All ways there are."""
    for condition in conditions:
        match condition:
            case Comparison(name, how, value):
                yield from _of_comparison(asked(name, tasks), how, value, tasks)
            case Exists(name):
                field = asked(name, tasks)
                if field.kind is FieldKind.METADATA:
                    table = label_table(field, tasks)
                    yield _of_labels(field, table, true(), False)
            case OneOf(name, values):
                yield from _of_values(asked(name, tasks), values, tasks)
            case Or([Comparison(name, Operator.EQUAL), *_] as parts) if all(
                isinstance(part, Comparison) and part.name == name and part.operator is Operator.EQUAL
                for part in parts
            ):
                each = [part.value for part in parts if isinstance(part, Comparison)]
                yield from _of_values(asked(name, tasks), each, tasks)


def _of_values(field: FieldAsked, values: Sequence[Value], tasks: bool) -> Iterator[Driver]:
    workflows = schema.workflows
    if field.kind is FieldKind.METADATA:
        table = label_table(field, tasks)
        yield _of_labels(field, table, is_one_of(_label(table), values), False)
    elif field.kind is FieldKind.STATUS and not (tasks and field.name == "status"):
        statuses = {WorkflowStatus(str(value)) for value in values}
        stored = statuses | ACTIVE if WorkflowStatus.RESUMABLE in statuses else statuses
        yield _of_table(workflows, workflows.c.key, [workflows.c.status.in_(constants(stored))], False)
    elif field.name == "workflow_id":
        yield _of_table(workflows, workflows.c.key, [workflows.c.workflow_id.in_(values)], False)


def _of_comparison(field: FieldAsked, how: Operator, value: Value, tasks: bool) -> Iterator[Driver]:
    if field.kind is FieldKind.METADATA:
        table = label_table(field, tasks)
        if how is Operator.EQUAL:
            in_order = (table is schema.task_labels) == tasks
            yield _of_labels(field, table, is_one_of(_label(table), [value]), in_order)
        elif how in (Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST, Operator.PREFIX):
            yield _of_labels(field, table, ordered(_label(table), how, value, "sqlite"), False)
        return
    workflows, functions = schema.workflows, schema.functions
    if how is Operator.EQUAL and field.name == "workflow_id":
        yield _of_table(workflows, workflows.c.key, [workflows.c.workflow_id == value], not tasks)
    elif how is Operator.PREFIX and field.name == "workflow_id":
        clause = begins_with(workflows.c.workflow_id, str(value), "sqlite")
        yield _of_table(workflows, workflows.c.key, [clause], False)
    elif how is Operator.EQUAL and field.name == "status" and tasks:
        yield from _of_task_status(TaskStatus(str(value)))
    elif how is Operator.EQUAL and field.kind is FieldKind.STATUS:
        yield _of_status(WorkflowStatus(str(value)), not tasks)
    elif field.name.endswith("created_time") and how not in (Operator.UNEQUAL, Operator.CONTAINS):
        clause = _created(how, value)
        yield _of_table(workflows, workflows.c.key, [clause], False)
    elif how is Operator.EQUAL and field.name == "function.qualname":
        yield _of_table(functions, functions.c.workflow, [functions.c.qualname == value], False)


def _label(table: Any) -> Label:
    return Label(table.c.text, table.c.number)


def _of_labels(field: FieldAsked, table: Any, clause: ColumnElement[bool], in_order: bool) -> Driver:
    key = [table.c.workflow, *([table.c.task] if table is schema.task_labels else [])]
    clauses = [table.c.path == label_path(field), clause]
    return Driver(select(*key).where(*clauses), table, clauses, in_order)


def _of_table(table: Any, key: Any, clauses: Sequence[ColumnElement[bool]], in_order: bool) -> Driver:
    return Driver(select(key).where(*clauses), None, clauses, in_order)


def _of_status(status: WorkflowStatus, in_order: bool) -> Driver:
    column = schema.workflows.c.status
    if status is WorkflowStatus.RESUMABLE:
        return _of_table(schema.workflows, schema.workflows.c.key, [column.in_(constants(ACTIVE))], False)
    return _of_table(schema.workflows, schema.workflows.c.key, [column == constant(status)], in_order)


def _of_task_status(status: TaskStatus) -> Iterator[Driver]:
    tasks, workflows = schema.tasks, schema.workflows
    if status is TaskStatus.FAILED:
        clauses = [tasks.c.status == constant(status)]
        yield Driver(select(tasks.c.workflow, tasks.c.task).where(*clauses), None, clauses, True)
    elif status is TaskStatus.RUNNING:  # its workflow is active, or was when its engine went
        yield _of_table(workflows, workflows.c.key, [workflows.c.status.in_(constants(ACTIVE))], False)


def _created(how: Operator, value: Value) -> ColumnElement[bool]:
    column = schema.workflows.c.created_time
    match how:
        case Operator.LESS:
            return column < value
        case Operator.AT_MOST:
            return column <= value
        case Operator.GREATER:
            return column > value
        case Operator.AT_LEAST:
            return column >= value
        case _:
            return column == value
