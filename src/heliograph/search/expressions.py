"""Conditions as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import Final, NamedTuple, NoReturn

from heliograph.errors import SearchError


@dataclass(frozen=True, slots=True)
class FromNow:
    """A time so many seconds after the moment of each question; before it, where they are less than none."""

    seconds: float

    def __repr__(self) -> str:
        return f"now {'-' if self.seconds < 0 else '+'} {abs(self.seconds)}s"


Value = str | int | float | bool | FromNow | None
"""What a field can be compared with."""
WHOLE_LIMIT: Final = 2**63
"""Whole numbers are less than that, with any sign: databases have no more bits."""

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
    at: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return ".".join(part if _PLAIN.fullmatch(part) else quoted(part) for part in self.parts)


class Source(NamedTuple):
    """How a value stands in the text it was read from.

    Attributes:
        at: where.
        written: as what.
        unit: with which one; None: with none.
    """

    at: int
    written: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison(Condition):
    """A field compared with a value.

    Attributes:
        name: of the field.
        operator: how.
        value: with what.
        source: of the value; None: it was read from no text.
    """

    name: Name
    operator: Operator
    value: Value
    source: Source | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"{self.name} {self.operator} {self.value!r}"


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """A field that has one of several values.

    Attributes:
        name: of the field.
        values: they.
        sources: of each; nothing: they were read from no text.
    """

    name: Name
    values: tuple[Value, ...]
    sources: tuple[Source, ...] = field(default=(), compare=False)

    @property
    def sourced(self) -> Iterator[tuple[Value, Source | None]]:
        """Each value with its source."""
        return zip_longest(self.values, self.sources)

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
    """Conditions that all hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or(Condition):
    """Conditions of which at least one holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """A condition that does not hold."""

    part: Condition


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


def _condition(value: object) -> Condition:
    if not isinstance(value, Condition):
        raise TypeError(f"& and | join conditions, and {value!r} is none: put comparisons in parentheses")
    return value
