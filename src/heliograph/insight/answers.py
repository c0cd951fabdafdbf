"""What reading calls return: the lists and dicts that they look like, which are tables too."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from heliograph.insight.table import Table, Tabular

_WORD: Final = re.compile(r"\w+")
_MOST: Final = 2**63 - 1
_ROWS: Final = ("found", "tasks", "attempts")


class Rows(Tabular, list[dict[str, Any]]):
    """A list of dicts, one a row; what is nested in them has columns such as ``stats.compute``.

    >>> Rows([{"id": "a", "stats": {"n": 1}}, {"id": "b", "stats": {"n": 2.5}}]).table.to_dict()
    {'id': ['a', 'b'], 'stats.n': [1, 2.5]}
    """

    __slots__ = ()

    @property
    def table(self) -> Table:
        """The rows, with a column for each key that one of them has."""
        return _table(self)


class Page(Tabular, dict[str, Any]):
    """A dict with a list of dicts, the rows of its table: ``found``, ``tasks`` or ``attempts``."""

    __slots__ = ()

    @property
    def table(self) -> Table:
        """The rows of that list."""
        return _table(next(self[name] for name in _ROWS if name in self))


def finite(value: Any) -> Any:
    """A value with None for each number that JSON can't say.

    >>> finite({"a": [1.5, float("inf")], "b": float("nan")})
    {'a': [1.5, None], 'b': None}
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: finite(one) for key, one in value.items()}
        case list() | tuple():
            return [finite(one) for one in value]
    return value


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    flat = [dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    columns: dict[str, Sequence[Any]] = {}
    kinds: dict[str, type] = {}
    for name in names:
        values = [row.get(name) for row in flat]
        kinds[name] = _kind(values)
        if kinds[name] is str:
            values = [_text(value) for value in values]
        columns[name] = values
    return Table(columns, kinds)


def _flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        # As searches name them: a key that is no plain word is quoted, so no two are one.
        name = before + (key if _WORD.fullmatch(key) or not before else json.dumps(key, ensure_ascii=False))
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _kind(values: Sequence[Any]) -> type:
    """The type that all of them have; text where they differ, or one has more than 64 bits."""
    found = {type(value) for value in values if value is not None}
    if int in found and any(abs(value) > _MOST for value in values if type(value) is int):
        return str
    if found <= {bool} or found <= {int}:
        return found.pop() if found else str
    return float if found <= {int, float} else str


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    return json.dumps(value, ensure_ascii=False)
