"""In which order rows are found, and where in it one of them is."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Place:
    """A row that was found: what pages go on behind.

    Attributes:
        key: of the row.
        value: what it was ordered by.
    """

    key: tuple[int, ...]
    value: str | float | None = None
