"""Numbers as the shapes of small drawings; the templates draw them, the style sheet colours them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 320, 80
TALL = 160
"""Of a drawing that stands by itself."""


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


def line(
    values: Sequence[float], at: Sequence[float] | None = None, *, least: float | None = None
) -> Line | None:
    """Values over time; those that are no numbers are left out. None: there is nothing to draw.

    Args:
        values: them.
        at: where each is; None: at equal distances.
        least: what is drawn at the bottom; None: the smallest value.

    >>> line([1.0, 3.0]).points
    '0.0,78.0 320.0,2.0'
    >>> line([-1.7e308, 0.0, 1.7e308]).points  # the difference is none that a float can be
    '0.0,78.0 160.0,40.0 320.0,2.0'
    """
    places = range(len(values)) if at is None else at
    known = [(x, y) for x, y in zip(places, values, strict=True) if math.isfinite(y) and math.isfinite(x)]
    if not known:
        return None
    low, high = min(y for _, y in known) if least is None else least, max(y for _, y in known)
    first, end = min(x for x, _ in known), max(x for x, _ in known)

    def part(value: float, least: float, most: float) -> float:
        whole = most / 2 - least / 2
        return (value / 2 - least / 2) / whole if whole else 0.5

    def point(x: float, y: float) -> str:
        return f"{WIDTH * part(x, first, end):.1f},{HEIGHT - 2 - (HEIGHT - 4) * part(y, low, high):.1f}"

    return Line(" ".join(point(x, y) for x, y in known), low, high, known[-1][1], len(known))


class Column(NamedTuple):
    """One of several columns side by side.

    Attributes:
        x: where it begins, of `WIDTH`.
        width: how wide it is.
        tall: its height, of `HEIGHT`.
        bad: how much of that, from the ground, is drawn as bad.
    """

    x: float
    width: float
    tall: float
    bad: float


def columns(counts: Sequence[tuple[int, int]]) -> list[Column]:
    """Counts, each with how many of them are bad, as columns; what is there is seen, however little it is.

    >>> [(column.x, column.tall, column.bad) for column in columns([(4, 1), (0, 0), (2, 0)])]
    [(0.0, 80.0, 20.0), (106.67, 0.0, 0.0), (213.33, 40.0, 0.0)]
    """
    most, each = max((count for count, _ in counts), default=0), WIDTH / max(len(counts), 1)

    def tall(count: int) -> float:
        return round(max(HEIGHT * count / most, 3.0), 2) if count else 0.0

    return [
        Column(round(number * each, 2), round(each, 2), tall(count), tall(bad))
        for number, (count, bad) in enumerate(counts)
    ]


class Mark(NamedTuple):
    """One of several values side by side: how far from the top the usual, the high and the highest are."""

    x: float
    usual: float
    high: float
    highest: float


def marks(values: Sequence[tuple[float, float, float] | None]) -> tuple[list[Mark | None], float]:
    """Values with their spread, side by side in a box of twice `WIDTH` times `TALL`; and what its top is.

    Args:
        values: the usual one, the high and the highest; None: it is not known.

    >>> marks([(1.0, 2.0, 4.0), None])[0]
    [Mark(x=160.0, usual=121.0, high=82.0, highest=4.0), None]
    """
    most = max((highest for known in values if known for highest in known), default=0.0) or 1.0
    each = 2 * WIDTH / max(len(values), 1)

    def down(value: float) -> float:
        return round(TALL - (TALL - 4) * value / most, 1)

    made = [
        None if known is None else Mark(round((number + 0.5) * each, 1), *map(down, known))
        for number, known in enumerate(values)
    ]
    return made, most
