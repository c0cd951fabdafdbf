"""All that is always said in the same words, as text: tables, and the statements of rooms.

SQLAlchemy makes these texts of `storage.tables.schema`, `storage.versions.views` and `storage.composed`,
which are their only source; see `storage.rendering`. They are kept in files, since to import it, and to have
it compile them, takes longer than all else that a program's first result waits for.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from heliograph.storage.statements.statement import Statement, Wording

if TYPE_CHECKING:
    from importlib.abc import ResourceLoader


class Statements:
    """The statements of one room, each an attribute."""

    def __init__(self, named: Mapping[str, Statement]) -> None:
        self.__dict__.update(named)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Statement: ...


@functools.cache
def statements(kind: str, room: str) -> Statements:
    """The statements of a room.

    Args:
        kind: of database: ``sqlite`` or ``postgresql``.
        room: a module of `storage.composed`.
    """
    worded = _texts(kind)["statements"][room]
    return Statements(
        {name: Statement(functools.partial(Wording, **wording)) for name, wording in worded.items()}
    )


def tables(kind: str) -> Sequence[str]:
    """The names of all tables."""
    return cast("Sequence[str]", _texts(kind)["tables"])


def creation(kind: str) -> Sequence[str]:
    """What makes the tables, their indexes and the views, in order."""
    return cast("Sequence[str]", _texts(kind)["creation"])


def file(kind: str) -> Path:
    """Where the texts for a kind of database are."""
    return Path(__file__).with_name(f"{kind}.json")


@functools.cache
def _texts(kind: str) -> dict[str, Any]:
    # By who loaded this module: it may have come out of a zip file.
    loader = cast("ResourceLoader", __spec__.loader)
    texts: dict[str, Any] = json.loads(loader.get_data(str(file(kind))))
    return texts
