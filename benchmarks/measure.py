"""Measuring: who competes takes turns, and a figure keeps every value that was measured."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final, Literal, TypeVar

T = TypeVar("T")

HELIOGRAPH: Final = "heliograph"
ON_POSTGRESQL: Final = "heliograph on PostgreSQL"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes:
        repeat: rounds; everybody runs once in each.
        quick: small sizes, to see that all works; such figures say nothing about bars.
    """

    repeat: int = 3
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach.

    Attributes:
        value: the bar: a figure, or how many times as fast as another one.
        against: the other one; empty: the figure itself is meant.
        who: whose figure.
    """

    value: float
    against: str = ""
    who: str = HELIOGRAPH


@dataclass(frozen=True, slots=True)
class Figure:
    """What a case measured.

    Attributes:
        name: what it is a figure of.
        unit: of all its values.
        better: which way is better.
        measured: a value a round, by who was measured; heliograph first, then floors, then peers.
        bars: what has to be reached; none: it is only reported.
        note: what else a reader must know.
        floors: who of these does the least that the work of another one takes; where there is none, nobody
            does all of it.
        series: what was watched over time, as (seconds, value), by who was measured.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    measured: Mapping[str, tuple[float, ...]]
    bars: tuple[Bar, ...] = ()
    note: str = ""
    floors: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    def median(self, who: str = HELIOGRAPH) -> float:
        return median(self.measured[who])

    def times_as_fast(self, than: str, who: str = HELIOGRAPH) -> float:
        """How many times as fast one is as another: the median over rounds, which share noise."""
        pairs = zip(self.measured[who], self.measured[than], strict=True)
        return median([mine / other if self.better == "higher" else other / mine for mine, other in pairs])

    def reached(self, bar: Bar) -> float | None:
        """The value that stands against a bar; None: who it is about was not measured."""
        if bar.who not in self.measured or (bar.against and bar.against not in self.measured):
            return None
        return self.times_as_fast(bar.against, bar.who) if bar.against else self.median(bar.who)

    def holds(self, bar: Bar) -> bool | None:
        """Whether a bar is reached; None: it can't be said."""
        value = self.reached(bar)
        if value is None:
            return None
        return value >= bar.value if bar.against or self.better == "higher" else value <= bar.value

    def is_below_floor(self, bar: Bar) -> bool:
        """Whether what does the least that such work takes does not reach a bar either."""
        floor = self.floors.get(bar.who, bar.against)
        return floor != bar.against and self.holds(replace(bar, who=floor)) is False


def alternate(scale: Scale, contenders: Mapping[str, Callable[[], T]]) -> dict[str, tuple[T, ...]]:
    """Everybody once a round; every other round the other way round, so that nobody always goes first."""
    measured: dict[str, list[T]] = {who: [] for who in contenders}
    order = list(contenders)
    for _ in range(scale.repeat):
        for who in order:
            gc.collect()
            measured[who].append(contenders[who]())
        order.reverse()
    return {who: tuple(values) for who, values in measured.items()}


def milliseconds(measured: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """Of seconds."""
    return {who: tuple([seconds * 1e3 for seconds in values]) for who, values in measured.items()}


def check(found: object, expected: object, what: str) -> None:
    """A benchmark of wrong results is worth nothing.

    Raises:
        AssertionError: the result is not the expected one.
    """
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, and it should be {expected!r}")
