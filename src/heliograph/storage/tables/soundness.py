"""Whether rows are such as heliograph wrote, seen where they are read.

A database may hold what heliograph never wrote: its pages were overwritten, or somebody changed rows by
hand, and SQLite stores any value in any column. So each row is looked at as it comes, before anything is made
of it. Whoever makes records need not reckon with it, and what fails there is a fault of heliograph's own.
"""

from __future__ import annotations

import functools
import json
import math
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from heliograph.records.event import EventState
from heliograph.records.status import AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.storage.tables.layout import Role, SaidKind

K = TypeVar("K")
V = TypeVar("V")

LATEST: Final = 253_370_764_800.0
"""The year 9999 as Unix seconds: of a later time nobody can say the date."""
_REMEMBERED: Final = 1024
_NULL: Final[set[str | None]] = {None}
_KEY: Final = ("workflows", "key")
_ID: Final = ("workflows", "workflow_id")


class UnsoundError(Exception):
    """A row that heliograph never wrote.

    Args:
        table: where the row is.
        what: what is wrong with it.
        key: of the workflow that the row belongs to; None: it belongs to none, or nobody knows to which.
        workflow_id: of that workflow; None as `key`.
    """

    def __init__(self, table: str, what: str, key: int | None = None, workflow_id: str | None = None) -> None:
        super().__init__(table, what)
        self.table, self.what, self.key, self.workflow_id = table, what, key, workflow_id


def gone(table: str, key: int, workflow_id: str | None = None) -> UnsoundError:
    """The error of a row that is not there, though others of its workflow name it."""
    return UnsoundError(table, "one that others belong to is gone", key, workflow_id)


def there(found: Mapping[K, V], named: K, key: int, table: str) -> V:
    """What was found under a name that a row has.

    Raises:
        UnsoundError: nothing was.
    """
    if named not in found:
        raise gone(table, key)
    return found[named]


class Held(NamedTuple):
    """What a column of an answer holds.

    Attributes:
        table: where it is from.
        column: its name there.
        kind: a name of `TYPES`, of `WORDS` or of `TEXTS`.
        is_known: never null.
    """

    table: str
    column: str
    kind: str
    is_known: bool


def written(columns: Iterable[Held | None]) -> str:
    """What columns of an answer hold, in a line.

    >>> written([Held("tasks", "due", "real", is_known=False), None])
    'tasks.due:real? -'
    """
    return " ".join(
        "-" if held is None else f"{held.table}.{held.column}:{held.kind}{'' if held.is_known else '?'}"
        for held in columns
    )


def read(line: str) -> list[Held | None]:
    """What `written` gave; None where a column is computed."""
    return [None if word == "-" else _read(word) for word in line.split()]


def _read(word: str) -> Held:
    name, _, kind = word.partition(":")
    table, _, column = name.partition(".")
    return Held(table, column, kind.removesuffix("?"), not kind.endswith("?"))


TYPES: Final[Mapping[str, frozenset[type]]] = {
    "whole": frozenset((int, bool)),
    "real": frozenset((float, int)),
    "moment": frozenset((float, int)),
    "text": frozenset((str,)),
    "bytes": frozenset((bytes,)),
}
WORDS: Final[Mapping[str, frozenset[StrEnum]]] = {
    kind.__name__: frozenset(kind)
    for kind in (WorkflowStatus, TaskStatus, AttemptStatus, RunReason, EventState, Role, SaidKind)
}


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_seconds(value: object) -> bool:
    return _is_number(value) and value >= 0  # type: ignore[operator]


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of(is_one: Callable[[object], bool], value: object) -> bool:
    return isinstance(value, list) and all(map(is_one, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_OPTIONS: Final[Mapping[str, Callable[[object], bool]]] = {
    "task_type": _is_text,
    "max_retries": _is_whole,
    "retry_exceptions": lambda value: _is_flag(value) or _is_list_of(_is_text, value),
    "catch_exceptions": _is_flag,
    "checkpoint": _is_flag,
    "retry_delay": _is_seconds,
    "retry_delay_max": _is_seconds,
}
_MORE_OPTIONS: Final[Mapping[str, Callable[[object], bool]]] = {
    "timeout": _is_seconds,
    "sleep": _is_seconds,
    "ray_options": _is_object,
    "references": functools.partial(_is_list_of, _is_whole),
}


def _are_options(value: object) -> bool:
    if not isinstance(value, dict) or not value:
        return value == {}  # the usual ones
    return all(name in value and is_one(value[name]) for name, is_one in _OPTIONS.items()) and all(
        is_one(value[name]) for name, is_one in _MORE_OPTIONS.items() if name in value
    )


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(
        name in WORDS["TaskStatus"] and _is_whole(count) and count >= 0 for name, count in value.items()
    )


def _is_change(value: object) -> bool:
    """Whether it is one of the things that `storage.journal.changelog` says."""
    match value:
        case ["run", int(), str(status)]:
            return status in WORDS["WorkflowStatus"]
        case ["added" | "said", int(), int()] | ["attempt", int(), int(), str()] | ["task", int(), str()]:
            return True
        case ["tasks", tasks, str()]:
            return _is_list_of(_is_whole, tasks)
        case ["metadata", int() | None, int(), dict()]:
            return True
        case ["progress", int(), int(), done, total, str() | None, time]:
            return _is_number(done) and _is_number(time) and (total is None or _is_number(total))
    return False


TEXTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "any": lambda _: True,
    "object": _is_object,
    "options": _are_options,
    "counts": _are_counts,
    "texts": functools.partial(_is_list_of, _is_text),
    "story": functools.partial(_is_list_of, _is_change),
}
"""Kinds of JSON."""


def is_json(text: str, kind: str) -> bool:
    """Whether text is JSON of one of the kinds of `TEXTS`."""
    try:
        return TEXTS[kind](json.loads(text))
    except (ValueError, RecursionError):
        return False


class Soundness:
    """Checks the rows of one statement.

    Args:
        columns: what each column holds; None: it is computed, and may hold anything.
    """

    __slots__ = ("_allowed", "_columns", "_known_types", "_meanings", "_moments")

    def __init__(self, columns: Sequence[Held | None]) -> None:
        self._columns = columns
        self._known_types: set[tuple[type, ...]] = set()  # of rows that were well
        self._allowed = [None if held is None else _allowed(held) for held in columns]
        self._meanings = [
            (place, _well_known(held))
            for place, held in enumerate(columns)
            if held and held.kind not in TYPES
        ]

        self._moments = [place for place, held in enumerate(columns) if held and held.kind == "moment"]

    def seen(self, rows: Iterable[tuple[Any, ...]], asked: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows, each checked as it is taken.

        Args:
            rows: as the driver gives them.
            asked: the parameters of the statement, for the error.

        Raises:
            UnsoundError: one is not sound.
        """
        known, meanings, moments = self._known_types, self._meanings, self._moments
        for row in rows:
            types = tuple(map(type, row))
            if types not in known:
                self._learn(row, types, asked)
            for place, good in meanings:
                if row[place] not in good and not self._is_meant(place, row[place], good):
                    self._refuse(place, row, asked)
            for place in moments:
                if (moment := row[place]) is not None and not 0 <= moment < LATEST:
                    self._refuse(place, row, asked)
            yield row

    def see_columns(self, columns: Sequence[Sequence[Any]], asked: Mapping[str, Any]) -> None:
        """Check rows that are given as columns; raises as `seen`."""
        for place, (column, allowed) in enumerate(zip(columns, self._allowed, strict=True)):
            if allowed is not None and not allowed.issuperset(map(type, column)):
                wrong = next(number for number, value in enumerate(column) if type(value) not in allowed)
                self._refuse(place, [one[wrong] for one in columns], asked)
        for place, good in self._meanings:
            for value in set(columns[place]):
                if value not in good and not self._is_meant(place, value, good):
                    wrong = columns[place].index(value)
                    self._refuse(place, [one[wrong] for one in columns], asked)

        for place in self._moments:
            moments = [moment for moment in columns[place] if moment is not None]
            if moments and not (min(moments) >= 0 and max(moments) < LATEST):
                wrong = columns[place].index(min(moments) if min(moments) < 0 else max(moments))
                self._refuse(place, [one[wrong] for one in columns], asked)

    def _learn(self, row: Sequence[Any], types: tuple[type, ...], asked: Mapping[str, Any]) -> None:
        for place, (kind, allowed) in enumerate(zip(types, self._allowed, strict=True)):
            if allowed is not None and kind not in allowed:
                self._refuse(place, row, asked)
        self._known_types.add(types)

    def _is_meant(self, place: int, text: str, good: set[str | None]) -> bool:
        """Whether text that was not met before is what it has to be."""
        held = self._columns[place]
        assert held is not None
        if held.kind in WORDS or not is_json(text, held.kind):
            return False
        if len(good) >= _REMEMBERED:
            good.intersection_update(_NULL)
        good.add(text)
        return True

    def _refuse(self, place: int, row: Sequence[Any], asked: Mapping[str, Any]) -> NoReturn:
        held = self._columns[place]
        assert held is not None
        own = {(one.table, one.column): value for one, value in zip(self._columns, row, strict=True) if one}
        keys = [value for (_, column), value in own.items() if column == "workflow"]
        key = next(
            (
                value
                for value in (own.get(_KEY), *keys, asked.get("of_key"), asked.get("of_workflow"))
                if type(value) is int
            ),
            None,
        )
        workflow_id = own.get(_ID, asked.get("of_id"))
        shown = reprlib.repr(row[place])
        what = f"{held.column} is {shown}"
        raise UnsoundError(held.table, what, key, workflow_id if isinstance(workflow_id, str) else None)


def _allowed(held: Held) -> frozenset[type]:
    types = TYPES.get(held.kind, TYPES["text"])
    return types if held.is_known else types | {type(None)}


def _well_known(held: Held) -> set[str | None]:
    """What text of a kind may be, as far as that is known: all words there are, and JSON that was met."""
    known: set[str | None] = set(WORDS.get(held.kind, ()))
    return known if held.is_known else known | _NULL
