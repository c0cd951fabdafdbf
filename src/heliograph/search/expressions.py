"""Conditions as data, and the way to write them in Python.

>>> (field("status") == "FAILED") & (field("user_metadata.team") == "blue")
And(parts=(status = 'FAILED', user_metadata.team = 'blue'))
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as attribute
from enum import StrEnum
from typing import Final, NoReturn

from heliograph.errors import SearchError

Value = str | int | float | bool | None
"""What a field can be compared with."""

_PLAIN: Final = re.compile(r"[^\W\d][\w-]*|\d+")


class Operator(StrEnum):
    """How a field is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    """Also true where there is no such value."""
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    """Text that holds the text; a list that has the item."""
    PREFIX = "prefix"
    """Text that begins with it."""


class Condition:
    """Something that holds of a workflow or a task, or doesn't; joined by ``&``, ``|`` and ``~``."""

    __slots__ = ()

    def __and__(self, other: Condition) -> Condition:
        return And((self, _condition(other)))

    def __or__(self, other: Condition) -> Condition:
        return Or((self, _condition(other)))

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a condition is neither true nor false by itself: join conditions by & | ~, not and/or/not"
        )


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a field.

    Attributes:
        parts: its parts, from left to right.
        at: where it stands in the text it was read from; None: in none.
    """

    parts: tuple[str, ...]
    at: int | None = attribute(default=None, compare=False)

    def __str__(self) -> str:
        return ".".join(part if _PLAIN.fullmatch(part) else quoted(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Comparison(Condition):
    """A field compared with a value.

    Attributes:
        name: of the field.
        operator: how.
        value: with what.
        at: where the value stands in the text it was read from; None: in none.
    """

    name: Name
    operator: Operator
    value: Value
    at: int | None = attribute(default=None, compare=False)

    def __repr__(self) -> str:
        return f"{self.name} {self.operator} {self.value!r}"


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """A field that has one of several values."""

    name: Name
    values: tuple[Value, ...]
    at: int | None = attribute(default=None, compare=False)

    def __repr__(self) -> str:
        return f"{self.name} in ({', '.join(map(repr, self.values))})"


@dataclass(frozen=True, slots=True)
class Exists(Condition):
    """A field that is there."""

    name: Name

    def __repr__(self) -> str:
        return f"{self.name} exists"


@dataclass(frozen=True, slots=True)
class And(Condition):
    """All of them hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or(Condition):
    """At least one of them holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """It doesn't hold."""

    part: Condition


class Field:
    """A field, to be compared; see `field`."""

    __hash__ = None  # type: ignore[assignment]  # == makes conditions of it

    def __init__(self, name: Name) -> None:
        self._name = name

    def __getitem__(self, key: str) -> Field:
        """A key within it, whatever characters it has: ``field("user_metadata")["a.b"]``."""
        if not isinstance(key, str):
            raise TypeError(f"a key of metadata is a str, not {key!r}")
        return Field(Name((*self._name.parts, key)))

    def __eq__(self, value: Value) -> Condition:  # type: ignore[override]
        return self._compared(Operator.EQUAL, value)

    def __ne__(self, value: Value) -> Condition:  # type: ignore[override]
        return self._compared(Operator.UNEQUAL, value)

    def __lt__(self, value: Value) -> Condition:
        return self._compared(Operator.LESS, value)

    def __le__(self, value: Value) -> Condition:
        return self._compared(Operator.AT_MOST, value)

    def __gt__(self, value: Value) -> Condition:
        return self._compared(Operator.GREATER, value)

    def __ge__(self, value: Value) -> Condition:
        return self._compared(Operator.AT_LEAST, value)

    def is_in(self, values: Iterable[Value]) -> Condition:
        """It has one of the values."""
        if isinstance(values, str):
            raise TypeError(f"is_in takes several values, not the one text {values!r}")
        return OneOf(self._name, tuple(checked_value(value) for value in values))

    def exists(self) -> Condition:
        """It is there."""
        return Exists(self._name)

    def contains(self, value: Value) -> Condition:
        """Text that holds the text, or a list that has the item."""
        return self._compared(Operator.CONTAINS, value)

    def startswith(self, prefix: str) -> Condition:
        """Text that begins with it."""
        return self._compared(Operator.PREFIX, prefix)

    def _compared(self, operator: Operator, value: Value) -> Condition:
        return Comparison(self._name, operator, checked_value(value))


def field(name: str) -> Field:
    """A field, to be compared: ``field("user_metadata.team") == "blue"``.

    Args:
        name: as in the language of searches; a key that is no plain word in quotes: ``user_metadata."a.b"``.

    Raises:
        SearchError: that is no name.
    """
    from heliograph.search.language import read_name

    return Field(read_name(name))


def checked_value(value: object) -> Value:
    """A value that a field can be compared with.

    Raises:
        TypeError: it is of another type.
        SearchError: it is a number and not finite.
    """
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(f"a field is compared with a str, a number, a bool or None, not {value!r:.200}")
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        raise SearchError(f"a field can't be compared with {value!r}")
    return value


def quoted(text: str) -> str:
    """Text as the language has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def conjuncts(condition: Condition) -> list[Condition]:
    """Conditions that all have to hold, and together are the given one."""
    if isinstance(condition, And):
        return [deeper for part in condition.parts for deeper in conjuncts(part)]
    return [condition]


def _condition(value: object) -> Condition:
    if not isinstance(value, Condition):
        raise TypeError(f"& and | join conditions, and {value!r} is none: put comparisons in parentheses")
    return value
