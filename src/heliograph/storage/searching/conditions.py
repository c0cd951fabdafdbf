"""Conditions as clauses of SQL. Values are parameters, always: nothing that a user wrote becomes SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Exists,
    Text,
    and_,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
)

from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.search.expressions import Operator
from heliograph.search.fields import METADATA, OF_WORKFLOW, FieldAsked, FieldKind
from heliograph.storage.journal import labels
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.prepared import Filled, label_number, label_text
from heliograph.storage.searching.shapes import (
    AllOf,
    AnyOf,
    Compared,
    IsOneOf,
    IsThere,
    Kind,
    Operand,
    Opposite,
    Placeholder,
    Shape,
)
from heliograph.storage.tables import schema

Clause = ColumnElement[bool]

ORDERS: Final[Mapping[Operator, Callable[[Any, Any], Clause]]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


class Label(NamedTuple):
    """The columns of a label that have its value."""

    text: ColumnElement[Any]
    number: ColumnElement[Any]


class Clauses:
    """Makes clauses for one kind of row.

    Args:
        columns: of the rows.
        one_by_one: each row is looked at by itself, until there are enough; else a server may gather all
            that have a label first, which takes long where many do.
    """

    def __init__(self, columns: Columns, *, one_by_one: bool = False) -> None:
        self._columns = columns
        self._one_by_one = one_by_one

    def of(self, shape: Shape) -> Clause:
        """The clause of a condition."""
        match shape:
            case AllOf(parts):
                return and_(*[self.of(part) for part in parts])
            case AnyOf(parts):
                return or_(*[self.of(part) for part in parts])
            case Opposite(part):
                return self._negated(self.of(part))
            case IsThere(field):
                return self._exists(field)
            case IsOneOf(field, operands):
                return self._one_of(field, operands)
            case Compared(field, how, operand):
                return self._compared(field, how, operand)
        raise AssertionError(f"no shape: {shape!r}")

    def _negated(self, clause: Clause) -> Clause:
        # What is neither true nor false, since there is no value, does not hold: so its opposite does.
        # That there is a row is one of the two; and a server makes a join of it only if it is left bare.
        return not_(clause if isinstance(clause, Exists) else func.coalesce(clause, false()))

    def _exists(self, field: FieldAsked) -> Clause:
        if field.kind is FieldKind.METADATA:
            return self._labelled(field, [])
        if field.kind is FieldKind.STATUS:
            return true()
        return self._columns.field(field.name).is_not(null())

    def _one_of(self, field: FieldAsked, operands: Sequence[Operand]) -> Clause:
        if field.kind is FieldKind.METADATA:
            return self._labelled(field, [is_one_of(self._label(field), operands)])
        return or_(false(), *[self._compared(field, Operator.EQUAL, operand) for operand in operands])

    def _compared(self, field: FieldAsked, how: Operator, operand: Operand) -> Clause:
        if how is Operator.UNEQUAL:
            return self._negated(self._compared(field, Operator.EQUAL, operand))
        if isinstance(operand, str):
            if self._columns.tasks and field.name == "status":
                return self._columns.task_has_status(TaskStatus(operand))
            return self._columns.has_status(WorkflowStatus(operand))
        if field.kind is FieldKind.METADATA:
            return self._of_metadata(field, how, operand)
        value = Filled(operand)

        def compare(column: ColumnElement[Any]) -> Clause:
            if how is Operator.EQUAL and operand.kind is Kind.CLASS:
                return self._is_class(column, operand)
            if how is Operator.EQUAL:
                return column == value.plain()
            if how is Operator.PREFIX:
                return begins_with(column, value, self._columns.is_server)
            if how is Operator.CONTAINS:
                return self._holds(column, value)
            return ORDERS[how](column, value.plain())

        return self._columns.compared(field.name, compare)

    def _of_metadata(self, field: FieldAsked, how: Operator, placeholder: Placeholder) -> Clause:
        label = self._label(field)
        if how is Operator.EQUAL:
            return self._labelled(field, [is_one_of(label, [placeholder])])
        if how is Operator.CONTAINS:
            has_item = self._labelled(field, [is_one_of(label, [placeholder])], item=True)
            if placeholder.kind is not Kind.TEXT:
                return has_item
            within = self._holds(label.text, label_text(placeholder))
            return or_(has_item, self._labelled(field, [within, _is_text(label)]))
        return self._labelled(field, [ordered(label, how, placeholder, self._columns.is_server)])

    def _labelled(self, field: FieldAsked, also: Sequence[Clause], item: bool = False) -> Clause:
        """The row has a label of the field for which all of `also` holds."""
        table, its = labels_of(field, self._columns, item)
        found = select(table.c.place).where(*its, *also).correlate(self._columns.table)
        # PostgreSQL makes neither a join nor a hash table of a query with an offset.
        return (found.offset(literal_column("0")) if self._one_by_one else found).exists()

    def _label(self, field: FieldAsked) -> Label:
        columns = self._columns
        table = label_table(field, columns.tasks)
        return Label(columns.unindexed(table.c.text), columns.unindexed(table.c.number))

    def _is_class(self, column: ColumnElement[Any], operand: Placeholder) -> Clause:
        """A type with or without a module is the class of this name; the column is read once."""
        name, whole = Filled(operand, lambda name: f".{name}"), literal_column("'.'", Text) + column
        length = func.length(name.plain())
        end = func.right(whole, length) if self._columns.is_server else func.substr(whole, -length)
        return end == name.plain()

    def _holds(self, column: ColumnElement[Any], text: Filled) -> Clause:
        # LIKE would not tell cases apart on SQLite.
        position = func.strpos if self._columns.is_server else func.instr
        return position(column, text.plain()) > 0


def label_table(field: FieldAsked, tasks: bool) -> Any:
    """The table of the labels that a field means."""
    of_task = tasks and field.name == METADATA
    assert of_task or field.name in (METADATA, f"{OF_WORKFLOW}.{METADATA}")
    return schema.task_labels if of_task else schema.workflow_labels


def label_path(field: FieldAsked, item: bool = False) -> str:
    """The path of a field's values there; of the items, where it is a list."""
    return labels.kept_path(".".join(labels.key_path(key) for key in field.path) + ("[]" if item else ""))


def labels_of(field: FieldAsked, columns: Columns, item: bool = False) -> tuple[Any, list[Clause]]:
    """That table, and which of its rows are the labels of a row of workflows or of tasks."""
    table = label_table(field, columns.tasks)
    its = [table.c.workflow == columns.workflow, table.c.path == label_path(field, item)]
    if table is schema.task_labels:
        its.append(table.c.task == columns.key[1])
    return table, its


def is_one_of(label: Label, operands: Sequence[Operand]) -> Clause:
    """A label has one of the values."""
    placeholders = [operand for operand in operands if isinstance(operand, Placeholder)]
    texts = [
        label_text(placeholder).plain() for placeholder in placeholders if not placeholder.kind.is_number
    ]
    numbers = [label_number(placeholder) for placeholder in placeholders if placeholder.kind.is_number]
    found: list[Clause] = []
    if texts:
        found.append(label.text == texts[0] if len(texts) == 1 else label.text.in_(texts))
    if numbers:
        found.append(label.number == numbers[0] if len(numbers) == 1 else label.number.in_(numbers))
    return or_(*found) if found else false()


def _is_text(label: Label) -> Clause:
    """A label is text, and not the mark of what is neither that nor a number; no index is taken for it."""
    return func.substr(label.text, literal_column("1"), literal_column("1")) != labels.MARK


def ordered(label: Label, how: Operator, placeholder: Placeholder, is_server: bool) -> Clause:
    """A label is less or more than a value, or begins with it."""
    if how is Operator.PREFIX:
        return and_(begins_with(label.text, label_text(placeholder), is_server), _is_text(label))
    if placeholder.kind is Kind.TEXT:
        return and_(ORDERS[how](label.text, label_text(placeholder).plain()), _is_text(label))
    return ORDERS[how](label.number, Filled(placeholder).plain())


def begins_with(column: ColumnElement[Any], prefix: Filled, is_server: bool) -> Clause:
    """Text begins with a prefix; so that an index can answer."""
    if is_server:
        return column.like(prefix.pattern(), escape="/")
    return and_(column >= prefix.plain(), column < prefix.end())
