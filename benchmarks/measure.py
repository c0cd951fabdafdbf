"""Measuring: who competes takes turns, and a figure keeps every value that was measured."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal, TypeVar

T = TypeVar("T")

HELIOGRAPH: Final = "heliograph"
FLOOR: Final = "floor"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes:
        repeat: rounds; everybody runs once in each.
        quick: small sizes, to see that all works; such figures say nothing about bars.
    """

    repeat: int = 5
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach.

    Attributes:
        value: the bar.
        of: ``heliograph``: its own figure; ``ratio``: its share of the floor's.
    """

    value: float
    of: Literal["heliograph", "ratio"] = "heliograph"


@dataclass(frozen=True, slots=True)
class Figure:
    """What a case measured.

    Attributes:
        name: what it is a figure of.
        unit: of all its values.
        better: which way is better.
        measured: a value a round, by who was measured.
        floor: what the floor is, for people; empty where there is none.
        bar: what heliograph has to reach; None: it is only reported.
        note: what else a reader must know.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    measured: Mapping[str, tuple[float, ...]]
    floor: str = ""
    bar: Bar | None = None
    note: str = ""

    def median(self, who: str = HELIOGRAPH) -> float:
        return median(self.measured[who])

    def ratio(self, who: str = FLOOR) -> float | None:
        """heliograph's value over another's: the median over the rounds, since rounds share their noise."""
        if who not in self.measured:
            return None
        pairs = zip(self.measured[HELIOGRAPH], self.measured[who], strict=True)
        return median([mine / other for mine, other in pairs])

    def is_reached(self) -> bool | None:
        """Whether the bar is; None where there is none."""
        if self.bar is None:
            return None
        value = self.median() if self.bar.of == "heliograph" else self.ratio()
        assert value is not None
        return value >= self.bar.value if self.better == "higher" else value <= self.bar.value


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


def check(found: object, expected: object, what: str) -> None:
    """A benchmark of wrong results is worth nothing.

    Raises:
        AssertionError: the result is not the expected one.
    """
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, and it should be {expected!r}")
