"""Conditions as clauses of SQL. Values are parameters, always: nothing that a user wrote becomes SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, false, func, not_, null, or_, select, true

from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.search.expressions import (
    And,
    Comparison,
    Condition,
    Exists,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)
from heliograph.search.fields import METADATA, OF_WORKFLOW, FieldAsked, FieldKind, asked
from heliograph.storage import labels, schema
from heliograph.storage.searching.columns import Columns

Clause = ColumnElement[bool]

_ORDERS: Final[Mapping[Operator, Callable[[Any, Any], Clause]]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
_AFTER_ALL: Final = "\U0010ffff"
_FIRST_TEXT: Final = "\x02"  # what is less begins with the mark of what is no text


class Label(NamedTuple):
    """The columns of a label that have its value."""

    text: ColumnElement[Any]
    number: ColumnElement[Any]


class Clauses:
    """Makes them, for one kind of row and one database.

    Args:
        columns: of the rows.
        dialect: name of the database's.
    """

    def __init__(self, columns: Columns, dialect: str) -> None:
        self._columns = columns
        self._dialect = dialect

    def of(self, condition: Condition) -> Clause:
        """The clause of a condition that was checked."""
        match condition:
            case And(parts):
                return and_(*[self.of(part) for part in parts])
            case Or(parts):
                return or_(*[self.of(part) for part in parts])
            case Not(part):
                return self._negated(self.of(part))
            case Exists(name):
                return self._exists(asked(name, self._columns.tasks))
            case OneOf(name, values):
                return self._one_of(asked(name, self._columns.tasks), values)
            case Comparison(name, how, value):
                return self._compared(asked(name, self._columns.tasks), how, value)
        raise AssertionError(f"no condition: {condition!r}")

    def _negated(self, clause: Clause) -> Clause:
        # What is neither true nor false, since there is no value, does not hold: so its opposite does.
        return not_(func.coalesce(clause, false()))

    def _exists(self, field: FieldAsked) -> Clause:
        if field.kind is FieldKind.METADATA:
            return self._labelled(field, [])
        if field.kind is FieldKind.STATUS:
            return true()
        return self._columns.field(field.name).is_not(null())

    def _one_of(self, field: FieldAsked, values: Sequence[Value]) -> Clause:
        if field.kind is FieldKind.METADATA:
            return self._labelled(field, [is_one_of(self._label(field), values)])
        return or_(false(), *[self._compared(field, Operator.EQUAL, value) for value in values])

    def _compared(self, field: FieldAsked, how: Operator, value: Value) -> Clause:
        if how is Operator.UNEQUAL:
            return self._negated(self._compared(field, Operator.EQUAL, value))
        if field.kind is FieldKind.METADATA:
            return self._of_metadata(field, how, value)
        if field.kind is FieldKind.STATUS:
            if self._columns.tasks and field.name == "status":
                return self._columns.task_has_status(TaskStatus(str(value)))
            return self._columns.has_status(WorkflowStatus(str(value)))

        def compare(column: ColumnElement[Any]) -> Clause:
            if how is Operator.EQUAL:
                return column == value
            if how is Operator.PREFIX:
                return begins_with(column, str(value), self._dialect)
            if how is Operator.CONTAINS:
                return self._holds(column, str(value))
            return _ORDERS[how](column, value)

        return self._columns.compared(field.name, compare)

    def _of_metadata(self, field: FieldAsked, how: Operator, value: Value) -> Clause:
        label = self._label(field)
        if how is Operator.EQUAL:
            return self._labelled(field, [is_one_of(label, [value])])
        if how is Operator.CONTAINS:
            has_item = self._labelled(field, [is_one_of(label, [value])], item=True)
            if not isinstance(value, str):
                return has_item
            within = self._holds(label.text, labels.stored_text(value))
            return or_(has_item, self._labelled(field, [within, label.text >= _FIRST_TEXT]))
        return self._labelled(field, [ordered(label, how, value, self._dialect)])

    def _labelled(self, field: FieldAsked, also: Sequence[Clause], item: bool = False) -> Clause:
        """There is a value of this path of which that holds."""
        table, columns = self._table(field), self._columns
        its = [table.c.workflow == columns.workflow, table.c.path == label_path(field, item)]
        if table is schema.task_labels:
            its.append(table.c.task == columns.key[1])
        return select(table.c.place).where(*its, *also).correlate(columns.table).exists()

    def _table(self, field: FieldAsked) -> Any:
        return label_table(field, self._columns.tasks)

    def _label(self, field: FieldAsked) -> Label:
        table, columns = self._table(field), self._columns
        return Label(columns.unindexed(table.c.text), columns.unindexed(table.c.number))

    def _holds(self, column: ColumnElement[Any], text: str) -> Clause:
        # LIKE would not tell cases apart on SQLite.
        position = func.instr if self._dialect == "sqlite" else func.strpos
        return position(column, text) > 0


def label_table(field: FieldAsked, tasks: bool) -> Any:
    """Where the metadata are that a field means."""
    of_task = tasks and field.name == METADATA
    assert of_task or field.name in (METADATA, f"{OF_WORKFLOW}.{METADATA}")
    return schema.task_labels if of_task else schema.workflow_labels


def label_path(field: FieldAsked, item: bool = False) -> str:
    """The path of a field's values there; of the items, where it is a list."""
    return labels.kept_path(".".join(labels.key_path(key) for key in field.path) + ("[]" if item else ""))


def is_one_of(label: Label, values: Sequence[Value]) -> Clause:
    """A label has one of the values."""
    pairs = [labels.stored(value) for value in values]
    texts = [text for text, _ in pairs if text is not None]
    numbers = [number for _, number in pairs if number is not None]
    found: list[Clause] = []
    if texts:
        found.append(label.text == texts[0] if len(texts) == 1 else label.text.in_(texts))
    if numbers:
        found.append(label.number == numbers[0] if len(numbers) == 1 else label.number.in_(numbers))
    return or_(*found) if found else false()


def ordered(label: Label, how: Operator, value: Value, dialect: str) -> Clause:
    """A label is less or more than a value, or begins with it."""
    if how is Operator.PREFIX:
        return begins_with(label.text, labels.stored_text(str(value)), dialect)
    if isinstance(value, str):
        return and_(_ORDERS[how](label.text, labels.stored_text(value)), label.text >= _FIRST_TEXT)
    return _ORDERS[how](label.number, value)


def begins_with(column: ColumnElement[Any], prefix: str, dialect: str) -> Clause:
    """Text begins with a prefix; so that an index can answer."""
    if dialect == "sqlite":
        return and_(column >= prefix, column < prefix + _AFTER_ALL)
    return column.startswith(prefix, autoescape=True)
