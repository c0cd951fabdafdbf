"""The units that numbers can be written with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SIZES: Final[Mapping[str, float]] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
"""In bytes."""
SPANS: Final[Mapping[str, float]] = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "m": 60,
    "min": 60,
    "h": 3600,
    "d": 86400,
}
"""In seconds."""
UNITS: Final[Mapping[str, float]] = {**SIZES, **SPANS}
