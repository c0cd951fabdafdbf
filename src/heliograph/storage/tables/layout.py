"""What the tables hold, in words: for those who read and write rows, and need no table for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

VERSION: Final = 6
"""The version of the schema. A store says which it has; see `storage.versions.migrations`."""


class Role(StrEnum):
    """What a stored value is to its task."""

    ARGUMENTS = "arguments"
    OUTPUT = "output"


class SaidKind(StrEnum):
    """What a row of `said` is."""

    LINE = "line"
    POINT = "point"
