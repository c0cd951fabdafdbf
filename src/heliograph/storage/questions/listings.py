"""What is answered where many are asked for: one that is damaged does not keep the others back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from heliograph.errors import StorageCorruptError

R = TypeVar("R")
T = TypeVar("T")


class Listing(NamedTuple, Generic[T]):
    """Workflows or tasks, and which are left out since they are damaged.

    Attributes:
        found: those that can be read.
        damaged: what is wrong with each of the others.
    """

    found: list[T]
    damaged: Sequence[StorageCorruptError] = ()


def apart(looked_at: Iterable[T | StorageCorruptError]) -> Listing[T]:
    """Those that are well, and those that are not."""
    found: list[T] = []
    damaged: list[StorageCorruptError] = []
    for one in looked_at:
        if isinstance(one, StorageCorruptError):
            damaged.append(one)
        else:
            found.append(one)
    return Listing(found, damaged)


def each_read(records: Sequence[R], read: Callable[[R], T]) -> Listing[T]:
    """What is read of records, of which some may be damaged."""

    def tried(record: R) -> T | StorageCorruptError:
        try:
            return read(record)
        except StorageCorruptError as error:
            return error

    try:
        return Listing([read(record) for record in records])  # as nearly always
    except StorageCorruptError:
        return apart(map(tried, records))
