"""Questions as users ask them, checked and made ready for the storage."""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from heliograph.errors import SearchError
from heliograph.reading.opened import MOST
from heliograph.records import type_names
from heliograph.search.expressions import And, Comparison, Condition, Not, OneOf, Operator, Or, Value
from heliograph.search.fields import TYPES, FieldAsked, FieldKind, asked, check
from heliograph.search.language import read, read_name
from heliograph.storage.searching.places import Place


def names(given: str | Sequence[str]) -> list[str]:
    """The names of fields, of which one may stand by itself."""
    return [given] if isinstance(given, str) else list(given)


def fields(given: Sequence[str], tasks: bool) -> list[FieldAsked]:
    """Fields by their names.

    Raises:
        SearchError: there is no such field.
    """
    return [asked(read_name(name), tasks) for name in given]


def numbers(given: Sequence[str], tasks: bool) -> list[FieldAsked]:
    """Fields of numbers by their names.

    Raises:
        SearchError: there is no such field, or it holds no numbers.
    """
    found = fields(given, tasks)
    for name, field in zip(given, found, strict=True):
        if field.kind in (FieldKind.TEXT, FieldKind.STATUS):
            raise SearchError(f"{name} is {field.kind}: it has no sum")
    return found


def condition(where: Condition | str | None, tasks: bool) -> Condition | None:
    """What has to hold, times in Unix seconds and types by their whole names; None: nothing.

    Raises:
        SearchError: it can't be asked.
        TypeError: it is neither a condition nor text.
    """
    if where is None:
        return None
    if isinstance(where, str):
        return _said(where, tasks, (time.tzname, time.timezone)) if where.strip() else None
    if not isinstance(where, Condition):
        raise TypeError(f"where must be a condition, or text that says one, not {where!r:.200}")
    check(where, tasks)
    return _as_stored(where, tasks, None)


@functools.lru_cache(256)  # as `language.read`
def _said(text: str, tasks: bool, zone: object) -> Condition:
    """What text says has to hold, in a time zone: times that name none are of that one."""
    said = read(text)
    check(said, tasks, text)
    return _as_stored(said, tasks, text)


def _as_stored(condition: Condition, tasks: bool, text: str | None) -> Condition:
    """The condition with times and types as they are stored, where people write them otherwise."""
    match condition:
        case And(parts):
            return And(tuple(_as_stored(part, tasks, text) for part in parts))
        case Or(parts):
            return Or(tuple(_as_stored(part, tasks, text) for part in parts))
        case Not(part):
            return Not(_as_stored(part, tasks, text))
        case Comparison(name, operator, value, at):
            return replace(condition, value=_value(asked(name, tasks), operator, value, text, at))
        case OneOf(name, values, at):
            field, equal = asked(name, tasks), Operator.EQUAL
            return replace(condition, values=tuple(_value(field, equal, one, text, at) for one in values))
    return condition


def _value(field: FieldAsked, operator: Operator, value: Value, text: str | None, at: int | None) -> Value:
    if field.kind is FieldKind.TIME:
        return _seconds(value, text, at)
    is_whole = operator in (Operator.EQUAL, Operator.UNEQUAL)
    if field.name in TYPES and is_whole and isinstance(value, str):
        return type_names.stored(value)
    return value


def _seconds(value: Value, text: str | None, at: int | None) -> Value:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        raise SearchError(f"{value!r} is no time: write 2026-11-24 or 2026-11-24T08:30", text, at) from None


def order(order_by: str | None, tasks: bool) -> tuple[FieldAsked | None, bool]:
    """By which field, and whether the largest come first.

    Raises:
        SearchError: there is no such field.
    """
    if order_by is None:
        return None, True
    if not isinstance(order_by, str):
        raise TypeError(f"order_by must be the name of a field, not {order_by!r}")
    return asked(read_name(order_by.removeprefix("-")), tasks), order_by.startswith("-")


def cursor(place: Place) -> str:
    """A place, as text."""
    text = json.dumps([list(place.key), place.value])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place(after: str | None, tasks: bool) -> Place | None:
    """The place that text names.

    Raises:
        ValueError: it names none.
    """
    if after is None:
        return None
    try:
        padded = after + "=" * (-len(after) % 4)
        key, value = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        known = [int(part) for part in key]
        is_one = value is None or isinstance(value, str | int | float)
        if len(known) != 1 + tasks or not is_one or isinstance(value, bool):
            raise ValueError
        if any(abs(number) > MOST for number in [*known, value] if isinstance(number, int)):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError(f"after must be what an earlier answer gave, not {after!r}") from None
    return Place(tuple(known), value)
