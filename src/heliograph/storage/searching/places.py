"""In which order rows are found, and where in it one of them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from heliograph.search.fields import FieldAsked


@dataclass(frozen=True, slots=True)
class Order:
    """By what the rows are ordered; equal ones by submission, the newest first.

    Attributes:
        field: it; None: by submission only.
        descending: the largest first. Where there is no value, it comes last either way.
    """

    field: FieldAsked | None = None
    descending: bool = True


class Place(NamedTuple):  # each row of a page has one
    """A row that was found: what pages go on behind.

    Attributes:
        key: of the row.
        value: what it was ordered by.
    """

    key: tuple[int, ...]
    value: str | float | None = None


class Found(NamedTuple):
    """Rows that were found.

    Attributes:
        places: of them.
        recorded: of workflows, what their records are made of; None: that is still to be read.
    """

    places: list[Place]
    recorded: list[tuple[Any, ...]] | None = None
