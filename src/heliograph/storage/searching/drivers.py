"""Which index a search goes along: SQLite has no statistics to choose by, so it is counted, up to a limit.

Of conditions that all must hold, the one of which the fewest rows are known leads. Where its index has the
rows in the order of the page, the search goes along it and stops when the page is full. Else the rows are
taken together if they are few enough; if they are not, all rows are read one by one, the newest first.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Dialect, Select, false, func, literal_column, select, true, tuple_

from heliograph.records.status import ACTIVE, TaskStatus, WorkflowStatus
from heliograph.search.expressions import Operator
from heliograph.search.fields import FieldAsked, FieldKind
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import (
    ORDERS,
    Label,
    begins_with,
    is_one_of,
    label_path,
    label_table,
    ordered,
)
from heliograph.storage.searching.prepared import Filled, Parameters, PreparedQuery, most
from heliograph.storage.searching.shapes import (
    AllOf,
    AnyOf,
    Compared,
    IsOneOf,
    IsThere,
    Operand,
    Placeholder,
    Shape,
)
from heliograph.storage.statements.composing import constant, constants, no_more
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables import schema

FEW: Final = 20_000
"""So many rows are taken together, and filtered and sorted."""
_OF_TIMES: Final[Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Operator.EQUAL: operator.eq,
    **ORDERS,
}
"""How an index of times can be gone along."""


@dataclass(frozen=True, slots=True, eq=False)
class Driver:
    """A way to the rows along an index; equal to itself only.

    Attributes:
        key: the key of rows that may be found: of workflows, or of tasks (with their numbers).
        clauses: what has to hold of the rows that they are read from.
        table: where those are; None: in the table that is searched.
        is_ordered: along the index, they come in the order of the table's key.
        is_single: there is one row at most.
        assured: what holds for all of its rows, and need not be looked at again; None: nothing for certain.
    """

    key: Sequence[ColumnElement[Any]]
    clauses: Sequence[ColumnElement[bool]]
    table: Any = None
    is_ordered: bool = False
    is_single: bool = False
    assured: Shape | None = None

    @property
    def rows(self) -> Select[Any]:
        """A query for the keys."""
        return select(*self.key).where(*self.clauses)

    def narrowed(self, made: Select[Any], columns: Columns, in_order: bool) -> Select[Any]:
        """A query for rows, which takes only those that are along the index.

        Args:
            made: the query.
            columns: of the rows.
            in_order: they are wanted in the order of the index, if it is the table's.
        """
        if self.is_ordered and in_order:
            if self.table is None:
                return made.where(*self.clauses)
            joined = [its == part for its, part in zip(self.key, columns.key, strict=True)]
            return made.select_from(self.table).where(*self.clauses, *joined)
        if len(self.key) == 1 and self.is_single:
            return made.where(columns.workflow == self.rows.limit(literal_column("1")).scalar_subquery())
        if len(self.key) == 1:
            return made.where(columns.workflow.in_(self.rows))
        return made.where(tuple_(*columns.key).in_(self.rows))


class Drivers:
    """All ways that there are for a shape of question.

    Args:
        shape: what has to hold.
        tasks: tasks are searched, not workflows.
        dialect: of the database.

    Attributes:
        are_any: there is one at least.
        ordered: those that are in order.
    """

    def __init__(self, shape: AllOf, tasks: bool, dialect: Dialect) -> None:
        self._all = [
            (driver, replace(driver, is_single=True), _counting(driver, dialect))
            for driver in _drivers(shape.parts, tasks)
        ]
        self.are_any = bool(self._all)
        self.ordered = [driver for driver, *_ in self._all if driver.is_ordered]

    def best(self, connection: Connection, given: Parameters) -> Driver | None:
        """The way with the fewest rows; None: all have too many, or there is none."""
        chosen, fewest = None, FEW + 1
        for driver, single, counting in self._all:
            count = counting.ask(connection, given._replace(most=fewest + 1)).scalar_one()
            # One that is in order is worth going along even if it has many.
            if count < fewest or (chosen is None and driver.is_ordered):
                chosen, fewest = single if count <= 1 else driver, min(count, fewest)
        return chosen


def along_best(
    connection: Connection, columns: Columns, shape: AllOf, given: Parameters
) -> list[ColumnElement[bool]]:
    """What has the rows that are wanted read along an index, if one suits; a server chooses by itself."""
    if columns.is_server:
        return []
    driver = Drivers(shape, columns.tasks, columns.dialect).best(connection, given)
    return [columns.workflow.in_(driver.rows)] if driver is not None and len(driver.key) == 1 else []


def _counting(driver: Driver, dialect: Dialect) -> PreparedQuery:
    """Counts the rows of a driver, up to a limit."""
    counted: Select[Any] = no_more(driver.rows.with_only_columns(literal_column("1")), most())
    return PreparedQuery(select(func.count()).select_from(counted.subquery()), dialect)


def _drivers(shapes: Sequence[Shape], tasks: bool) -> Iterator[Driver]:
    for shape in shapes:
        match shape:
            case Compared(field, how, operand):
                for driver in _of_comparison(field, how, operand, tasks):
                    yield replace(driver, assured=shape) if _is_whole(driver, shape) else driver
            case IsThere(field) if field.kind is FieldKind.METADATA:
                yield _of_labels(field, label_table(field, tasks), true())
            case IsOneOf(field, operands):
                yield from _of_values(field, operands, tasks)
            case AnyOf([Compared(field, Operator.EQUAL), *_] as parts):
                same = [
                    part.operand
                    for part in parts
                    if isinstance(part, Compared) and part.field == field and part.operator is Operator.EQUAL
                ]
                if len(same) == len(parts):
                    yield from _of_values(field, same, tasks)


def _is_whole(driver: Driver, shape: Compared) -> bool:
    """Whether a comparison with one value is all that the rows along an index are chosen by.

    A workflow that is stored as RUNNING may read RESUMABLE.
    """
    return driver.is_ordered and shape.operand not in ACTIVE


def _of_values(field: FieldAsked, operands: Sequence[Operand], tasks: bool) -> Iterator[Driver]:
    workflows = schema.workflows
    if field.kind is FieldKind.METADATA:
        table = label_table(field, tasks)
        yield _of_labels(field, table, is_one_of(_label(table), operands))
    elif field.kind is FieldKind.STATUS and not (tasks and field.name == "status"):
        statuses = {WorkflowStatus(operand) for operand in operands if isinstance(operand, str)}
        stored = statuses | ACTIVE if WorkflowStatus.RESUMABLE in statuses else statuses
        yield _of_workflows(_in(workflows.c.status, constants(stored)))
    elif field.name == "workflow_id":
        values = [Filled(operand).plain() for operand in operands if isinstance(operand, Placeholder)]
        yield _of_workflows(_in(workflows.c.workflow_id, values))


def _in(column: ColumnElement[Any], values: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    return column.in_(values) if values else false()


def _of_comparison(field: FieldAsked, how: Operator, operand: Operand, tasks: bool) -> Iterator[Driver]:
    if isinstance(operand, str):
        if how is Operator.EQUAL and field.name == "status" and tasks:
            yield from _of_task_status(TaskStatus(operand))
        elif how is Operator.EQUAL:
            yield _of_status(WorkflowStatus(operand), not tasks)
        return
    if field.kind is FieldKind.METADATA:
        table = label_table(field, tasks)
        if how is Operator.EQUAL:
            # An item that a list has twice would be found twice along the index.
            in_order = (table is schema.task_labels) == tasks and "[]" not in label_path(field)
            yield _of_labels(field, table, is_one_of(_label(table), [operand]), in_order)
        elif how in ORDERS or how is Operator.PREFIX:
            yield _of_labels(field, table, ordered(_label(table), how, operand, is_server=False))
        return
    workflows, functions, value = schema.workflows, schema.functions, Filled(operand)
    if how is Operator.EQUAL and field.name == "workflow_id":
        yield _of_workflows(workflows.c.workflow_id == value.plain(), in_order=not tasks)
    elif how is Operator.PREFIX and field.name == "workflow_id":
        yield _of_workflows(begins_with(workflows.c.workflow_id, value, is_server=False))
    elif field.name.endswith("created_time") and how in _OF_TIMES:
        yield _of_workflows(_OF_TIMES[how](workflows.c.created_time, value.plain()))
    elif how is Operator.EQUAL and field.name == "function.qualname":
        yield Driver([functions.c.workflow], [functions.c.qualname == value.plain()])


def _label(table: Any) -> Label:
    return Label(table.c.text, table.c.number)


def _of_labels(field: FieldAsked, table: Any, clause: ColumnElement[bool], in_order: bool = False) -> Driver:
    key = [table.c.workflow, *([table.c.task] if table is schema.task_labels else [])]
    return Driver(key, [table.c.path == label_path(field), clause], table, in_order)


def _of_workflows(clause: ColumnElement[bool], in_order: bool = False) -> Driver:
    return Driver([schema.workflows.c.key], [clause], is_ordered=in_order)


def _of_status(status: WorkflowStatus, in_order: bool) -> Driver:
    column = schema.workflows.c.status
    if status is WorkflowStatus.RESUMABLE:
        return _of_workflows(column.in_(constants(ACTIVE)))
    return _of_workflows(column == constant(status), in_order)


def _of_task_status(status: TaskStatus) -> Iterator[Driver]:
    tasks = schema.tasks
    if status is TaskStatus.FAILED:
        clauses = [tasks.c.status == constant(status)]
        yield Driver([tasks.c.workflow, tasks.c.task], clauses, is_ordered=True)
    elif status is TaskStatus.RUNNING:  # its workflow is active, or was when its engine went
        yield _of_workflows(schema.workflows.c.status.in_(constants(ACTIVE)))
