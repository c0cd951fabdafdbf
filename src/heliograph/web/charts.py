"""Numbers as the shapes of small drawings; the templates draw them, the style sheet colours them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 320, 80


class Span(NamedTuple):
    """A part of a bar: what it is, and from where to where it goes, of 100."""

    name: str
    x: float
    width: float
    amount: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line over time.

    Attributes:
        points: as SVG has them, in a box of `WIDTH` times `HEIGHT`.
        low: the smallest value.
        high: the largest one.
        last: the last one.
        count: how many there are.
    """

    points: str
    low: float
    high: float
    last: float
    count: int


def bar(amounts: Mapping[str, float]) -> list[Span]:
    """Amounts side by side.

    >>> [(span.name, span.x, span.width) for span in bar({"a": 1, "none": 0, "b": 3})]
    [('a', 0.0, 25.0), ('b', 25.0, 75.0)]
    """
    whole = sum(amounts.values())
    spans, x = [], 0.0
    for name, amount in amounts.items():
        if amount > 0:
            width = 100 * amount / whole
            spans.append(Span(name, round(x, 3), round(width, 3), amount))
            x += width
    return spans


def line(values: Sequence[float], at: Sequence[float] | None = None) -> Line | None:
    """Values over time; those that are no numbers are left out. None: there is nothing to draw.

    Args:
        values: them.
        at: where each is; None: at equal distances.

    >>> line([1.0, 3.0]).points
    '0.0,78.0 320.0,2.0'
    """
    places = range(len(values)) if at is None else at
    known = [(x, y) for x, y in zip(places, values, strict=True) if math.isfinite(y) and math.isfinite(x)]
    if not known:
        return None
    low, high = min(y for _, y in known), max(y for _, y in known)
    first, wide = min(x for x, _ in known), max(x for x, _ in known) - min(x for x, _ in known)
    tall = high - low

    def point(x: float, y: float) -> str:
        across = WIDTH * (x - first) / wide if wide else WIDTH / 2
        up = (y - low) / tall if tall else 0.5
        return f"{across:.1f},{HEIGHT - 2 - (HEIGHT - 4) * up:.1f}"

    return Line(" ".join(point(x, y) for x, y in known), low, high, known[-1][1], len(known))
