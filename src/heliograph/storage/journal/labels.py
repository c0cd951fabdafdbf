"""User metadata laid out flat, so that indexes can answer questions about it.

Each value is a row: its path, and the value as text or as a number. The keys of a path are joined by dots; a
dot or a backslash within a key has a backslash before it. The items of a list have the list's path with
``[]`` behind it. So ``{"team": "blue", "tags": ["a", "b"]}`` has the rows ``team``: blue, ``tags``,
``tags[]``: a and ``tags[]``: b. (A key that itself ends in ``[]`` is taken for such items: to tell
it apart, the rows of all stores that there are would have to be written anew.)

True, false, null, ``{}`` and ``[]`` (of any dict and list: it is there, which may be asked too) are text
after a mark that no other text has. Of long text and long paths the beginning and a hash are kept: what an
index of PostgreSQL can hold is limited to 2,700 bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements

EMPTY: Final = "{}"
"""User metadata that have no labels."""
TEXT_LIMIT: Final = 400
"""Characters of a text that are kept; of a longer one, a hash of it all behind them."""
PATH_LIMIT: Final = 800
"""Bytes of a path that are kept; of a longer one, a hash of it all behind them."""
MARK: Final = "\x01"
_CUT: Final = re.compile(rf".{{{TEXT_LIMIT}}}{MARK}[0-9a-f]{{64}}", re.DOTALL)
"""Long text as it is kept."""


def flat(user_metadata: str) -> Iterator[tuple[str, int, str | None, float | None]]:
    r"""The rows of user metadata: path, place (of equal paths, from 0), text, number.

    >>> list(flat('{"a": {"b.c": 1, "d": ["x", true]}}'))
    ... # doctest: +NORMALIZE_WHITESPACE
    [('a', 0, '\x01{}', None), ('a.b\\.c', 0, None, 1.0), ('a.d', 0, '\x01[]', None),
     ('a.d[]', 0, 'x', None), ('a.d[]', 1, '\x01true', None)]
    """
    places: dict[str, int] = {}
    stack: list[tuple[str, Any]] = [
        (key_path(key), value) for key, value in json.loads(user_metadata).items()
    ]
    stack.reverse()
    while stack:
        path, value = stack.pop()
        place = places[path] = places.get(path, -1) + 1
        match value:
            case dict():
                yield kept_path(path), place, f"{MARK}{{}}", None
                stack += reversed([(f"{path}.{key_path(key)}", part) for key, part in value.items()])
            case list():
                yield kept_path(path), place, f"{MARK}[]", None
                stack += reversed([(f"{path}[]", part) for part in value])
            case _:
                yield kept_path(path), place, *stored(value)


def stored(value: str | bool | int | float | None) -> tuple[str | None, float | None]:
    """A value as text, or as a number."""
    if value is None or isinstance(value, bool):
        return f"{MARK}{json.dumps(value)}", None
    if isinstance(value, str):
        return _stored_text(value), None
    try:
        return None, float(value)
    except OverflowError:  # an int that no column can hold
        return None, float("inf") if value > 0 else -float("inf")


def _stored_text(text: str) -> str:
    """Text as it is kept here: databases can't hold all of what JSON can, and indexes nothing long.

    What is kept, as summaries give it, is kept so again: it can be searched for.
    """
    kept = text.replace("\x00", "\ufffd").replace(MARK, "\ufffd").encode("utf-8", "replace").decode()
    if len(kept) <= TEXT_LIMIT:
        return kept
    if _CUT.fullmatch(text):
        return kept[:TEXT_LIMIT] + text[TEXT_LIMIT:]
    return f"{kept[:TEXT_LIMIT]}{MARK}{hashlib.sha256(kept.encode()).hexdigest()}"


def kept_path(path: str) -> str:
    """A path as it is kept here."""
    data = path.encode()
    if len(data) <= PATH_LIMIT:
        return path
    return f"{data[:PATH_LIMIT].decode('utf-8', 'ignore')}{MARK}{hashlib.sha256(data).hexdigest()}"


def key_path(key: str) -> str:
    """A key as a part of a path."""
    kept = _stored_text(key)
    return kept.replace("\\", "\\\\").replace(".", "\\.") if "." in kept or "\\" in kept else kept


class Labels:
    """Writes labels, each time within a transaction of whoever changed the metadata."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "labels")

    def add(self, connection: Connection, key: int, user_metadata: str) -> None:
        """A workflow has these metadata, and had none."""
        if user_metadata != EMPTY:
            self._statements.add_of_workflow.tell(connection, *_rows({"workflow": key}, user_metadata))

    def add_of_tasks(self, connection: Connection, key: int, tasks: Iterable[tuple[int, str]]) -> None:
        """Tasks have these metadata, and had none."""
        found = [
            row
            for task, user_metadata in tasks
            if user_metadata != EMPTY
            for row in _rows({"workflow": key, "task": task}, user_metadata)
        ]
        self._statements.add_of_task.tell(connection, *found)

    def replace(self, connection: Connection, key: int, user_metadata: str) -> None:
        """A workflow has these metadata now."""
        self._statements.drop_of_workflow.tell(connection, {"of_workflow": key})
        self.add(connection, key, user_metadata)

    def replace_of_task(self, connection: Connection, key: int, task: int, user_metadata: str) -> None:
        """A task has these metadata now."""
        self._statements.drop_of_task.tell(connection, {"of_workflow": key, "of_task": task})
        self.add_of_tasks(connection, key, [(task, user_metadata)])


def _rows(whose: dict[str, int], user_metadata: str) -> list[dict[str, Any]]:
    return [
        whose | {"path": path, "place": place, "text": text, "number": number}
        for path, place, text, number in flat(user_metadata)
    ]
