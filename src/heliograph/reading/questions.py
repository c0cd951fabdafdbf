"""Questions as users ask them, checked and made ready for the storage."""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from heliograph.errors import SearchError, StorageCorruptError
from heliograph.reading.opened import MOST
from heliograph.search.comparing import TIMES, check
from heliograph.search.expressions import And, Comparison, Condition, Not, OneOf, Or, Source, Value
from heliograph.search.fields import FieldAsked, FieldKind, asked
from heliograph.search.language import is_from_now, read, read_from_now, read_name
from heliograph.storage.rows import cleaned
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
    """What has to hold, times in Unix seconds or from now; None: nothing.

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
    """What text says has to hold, in a time zone: times that name none are of that one.

    Times from now are still that: each question has its own now.
    """
    said = read(text)
    check(said, tasks, text)
    return _as_stored(said, tasks, text)


def _as_stored(condition: Condition, tasks: bool, text: str | None) -> Condition:
    """The condition with times as they are stored, where people write them otherwise."""
    match condition:
        case And(parts):
            return And(tuple(_as_stored(part, tasks, text) for part in parts))
        case Or(parts):
            return Or(tuple(_as_stored(part, tasks, text) for part in parts))
        case Not(part):
            return Not(_as_stored(part, tasks, text))
        case Comparison(name, _, value, source):
            if asked(name, tasks).kind is FieldKind.TIME:
                return replace(condition, value=_time(value, source, text))
        case OneOf(name):
            if asked(name, tasks).kind is FieldKind.TIME:
                return replace(condition, values=tuple(_time(*one, text) for one in condition.sourced))
    return condition


def _time(said: Value, source: Source | None, text: str | None) -> Value:
    if not isinstance(said, str):
        return said
    try:
        return read_from_now(said) if is_from_now(said) else datetime.fromisoformat(said).timestamp()
    except (ValueError, OverflowError) as error:
        why = error.what if isinstance(error, SearchError) else f"write {TIMES}"
        raise SearchError(f"{said!r} is no time: {why}", text, source and source.at) from None


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
    """A place, as text.

    Raises:
        StorageCorruptError: its row is damaged, so that none can be behind it.
    """
    text = json.dumps([list(place.key), place.value], default=_refuse)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _refuse(damaged: object) -> NoReturn:
    raise StorageCorruptError(
        f"the last row of the page is damaged: it is ordered by {damaged!r}, and nothing comes behind that. "
        "Search without order_by, or put a backup in the storage's place."
    )


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
        if isinstance(value, str) and value != cleaned(value):
            raise ValueError
        if any(abs(number) > MOST for number in [*known, value] if isinstance(number, int)):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise ValueError(f"after must be what an earlier answer gave, not {after!r}") from None
    return Place(tuple(known), value)
