"""Questions without their values. All questions of one shape are said in the same words.

What is put together here is all that statements are made from. So two questions that need different
statements can not have the same shape: the values by which they differ could not be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from heliograph.records.status import WorkflowStatus
from heliograph.search.expressions import (
    And,
    Comparison,
    Condition,
    Exists,
    FromNow,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)
from heliograph.search.fields import TYPES, FieldAsked, FieldKind, asked
from heliograph.storage.rows import cleaned


class Kind(StrEnum):
    """Of which kind a value is; as much as a statement depends on."""

    TEXT = "text"
    WHOLE = "whole number"
    REAL = "real number"
    WORD = "true, false or null"
    CLASS = "name of a class"
    """Of a type, whose module may be any."""

    @property
    def is_number(self) -> bool:
        """Whether it is one."""
        return self in (Kind.WHOLE, Kind.REAL)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Where a value belongs.

    Attributes:
        number: which of a question's values.
        kind: of that value.
    """

    number: int
    kind: Kind


Operand = Placeholder | str
"""What a field is compared with; text is a status, of which there are few: it stays."""


class Shape:
    """The shape of a condition."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Compared(Shape):
    """A field compared with a value."""

    field: FieldAsked
    operator: Operator
    operand: Operand


@dataclass(frozen=True, slots=True)
class IsOneOf(Shape):
    """A field that has one of several values."""

    field: FieldAsked
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class IsThere(Shape):
    """A field that is there."""

    field: FieldAsked


@dataclass(frozen=True, slots=True)
class AllOf(Shape):
    """Conditions that all hold."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Shape):
    """Conditions of which at least one holds."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Opposite(Shape):
    """A condition that does not hold."""

    part: Shape


def shape_of(condition: Condition | None, tasks: bool) -> tuple[AllOf, list[Value]]:
    """The shape of a condition that was checked, as what has to hold together; and its values.

    Args:
        condition: it; None: nothing has to hold.
        tasks: tasks are searched, not workflows.
    """
    emptied = _Emptied(tasks)
    parts = emptied.conjuncts(condition)
    if not tasks and _FAILED not in parts and any(_asks_for_an_error(part) for part in parts):
        parts.append(_FAILED)
    return AllOf(tuple(parts)), emptied.values


def kind_of(value: Value) -> Kind:
    """The kind of a value."""
    match value:
        case None | bool():
            return Kind.WORD
        case str():
            return Kind.TEXT
        case int():
            return Kind.WHOLE
        case float() | FromNow():
            return Kind.REAL


_WHOLE: Final = frozenset({Operator.EQUAL, Operator.UNEQUAL})
_FAILED: Final = Compared(asked(Name(("status",)), False), Operator.EQUAL, WorkflowStatus.FAILED.value)
"""What a workflow that has an error is; of that there is an index, and of errors there is none."""


def _asks_for_an_error(shape: Shape) -> bool:
    match shape:
        case Compared(field, how):
            return field.name.startswith("error.") and how is not Operator.UNEQUAL
        case IsOneOf(field) | IsThere(field):
            return field.name.startswith("error.")
    return False


class _Emptied:
    """Takes the values out of a condition."""

    def __init__(self, tasks: bool) -> None:
        self._tasks = tasks
        self.values: list[Value] = []

    def conjuncts(self, condition: Condition | None) -> list[Shape]:
        match condition:
            case None:
                return []
            case And(parts):
                return [deeper for part in parts for deeper in self.conjuncts(part)]
        return [self._shape(condition)]

    def _shape(self, condition: Condition) -> Shape:
        match condition:
            case And():
                return AllOf(tuple(self.conjuncts(condition)))
            case Or(parts):
                return AnyOf(tuple([self._shape(part) for part in parts]))
            case Not(part):
                return Opposite(self._shape(part))
            case Exists(name):
                return IsThere(asked(name, self._tasks))
            case OneOf(name, values):
                field = asked(name, self._tasks)
                return IsOneOf(
                    field, tuple([self._operand(field, Operator.EQUAL, value) for value in values])
                )
            case Comparison(name, operator, value):
                field = asked(name, self._tasks)
                return Compared(field, operator, self._operand(field, operator, value))
        raise AssertionError(f"no condition: {condition!r}")

    def _operand(self, field: FieldAsked, operator: Operator, value: Value) -> Operand:
        if field.kind is FieldKind.STATUS:
            return str(value)
        if field.kind is FieldKind.TEXT and isinstance(value, str):
            value = cleaned(value)  # as messages of errors were
        self.values.append(value)
        is_class = field.name in TYPES and operator in _WHOLE and "." not in str(value)
        return Placeholder(len(self.values) - 1, Kind.CLASS if is_class else kind_of(value))
