"""Conditions written in Python: `field` gives what comparisons make conditions of.

>>> (field("status") == "FAILED") & (field("user_metadata.team") == "blue")
And(parts=(status = 'FAILED', user_metadata.team = 'blue'))
"""

from __future__ import annotations

from collections.abc import Iterable

from heliograph.search.expressions import (
    Comparison,
    Condition,
    Exists,
    Name,
    OneOf,
    Operator,
    Value,
    checked_value,
)
from heliograph.search.language import read_name


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
        """The field has one of the values."""
        if isinstance(values, str):
            raise TypeError(f"is_in takes several values, not the one text {values!r}")
        return OneOf(self._name, tuple(checked_value(value) for value in values))

    def exists(self) -> Condition:
        """The field is there."""
        return Exists(self._name)

    def contains(self, value: Value) -> Condition:
        """Text that holds the text, or a list that has the item."""
        return self._compared(Operator.CONTAINS, value)

    def startswith(self, prefix: str) -> Condition:
        """The field is text that begins with this."""
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
    return Field(read_name(name))
