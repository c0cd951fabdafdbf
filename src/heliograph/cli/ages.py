"""Ages as people write them."""

from __future__ import annotations

import re
from typing import Final

import typer

_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """An age in seconds.

    Raises:
        typer.BadParameter: it is none.

    >>> seconds_of("1.5h"), seconds_of("90m") == seconds_of("90min")
    (5400.0, True)
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no age: write 90s, 30min, 12h or 30d")
    return float(found[1]) * _SECONDS[found[2]]
