"""Ages as people write them."""

from __future__ import annotations

import re
from typing import Final

import typer

_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """An age in seconds.

    Raises:
        typer.BadParameter: it is none.

    >>> seconds_of("1.5h")
    5400.0
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no age: write 90s, 30min, 12h or 30d")
    return float(found[1]) * _SECONDS[found[2]]
