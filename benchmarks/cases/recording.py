"""What it costs to write everything down: processor time of the same work with all, some and none of it.

heliograph has no switch for that, and shall have none: here, what records is replaced by what doesn't.
"""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from statistics import median
from typing import Any, Final
from unittest.mock import patch

from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, check
from benchmarks.tasks import increment, total
from benchmarks.work import engine, sum_to
from heliograph import workflow
from heliograph.engines.attempts import attempt
from heliograph.engines.attempts.measure import Meter
from heliograph.records.attempt import Resources
from heliograph.storage.entries import Accepted, RunChanges
from heliograph.storage.journal.changelog import Changelog
from heliograph.storage.journal.journal import Batch, Committed, Journal
from heliograph.storage.statements.connection import Connection

CHECKPOINTS: Final = "outputs and statuses alone"
LOOP: Final = "the engine's loop alone"
_MICROSECONDS: Final = 1e6


class _NoMeter:
    """Measures nothing."""

    def __init__(self, _measured: str) -> None: ...

    def read(self) -> Resources:
        return Resources(measured="shared")


@contextmanager
def _no_records() -> Iterator[None]:
    """Nothing is measured, and no attempt nor change is written."""
    write = Journal._write

    def written(journal: Journal, connection: Connection, held: Sequence[RunChanges], now: float) -> None:
        write(journal, connection, [replace(changes, attempts={}) for changes in held], now)

    with (
        patch.object(attempt, "Meter", _NoMeter),
        patch.object(Journal, "_write", written),
        patch.object(Changelog, "note", lambda *_: None),
    ):
        yield


@contextmanager
def _no_storage() -> Iterator[None]:
    """All is said to be stored, and nothing is."""
    keys = itertools.count(1_000_000)

    def commit(_journal: Journal, batch: Batch) -> Committed:
        return Committed([Accepted(next(keys), 1) for _ in batch.entries], frozenset(), {})

    with patch.object(attempt, "Meter", _NoMeter), patch.object(Journal, "commit", commit):
        yield


def measure(scale: Scale) -> list[Figure]:
    count, times = scale.size(full=2_000, quick=200), scale.size(full=11, quick=1)
    rounds = [_round(count, times) for _ in range(scale.repeat)]
    spent = {who: tuple([round_[who] for round_ in rounds]) for who in _CONTENDERS}
    metered = alternate(scale, {HELIOGRAPH: lambda: _metered(scale.size(20_000, 500))})
    return [
        Figure(
            name=f"processor time of a task, fan-out of {count:,}, threads",
            unit="us",
            better="lower",
            measured={who: tuple([median(all_) for all_ in values]) for who, values in spent.items()},
            note=f"of all threads, from before `bind` to the output; each value is the median of {times}",
        ),
        _more("cost of recording a task, threads", spent, CHECKPOINTS),
        _more("cost of storing and recording a task, threads", spent, LOOP),
        Figure(
            name="measuring a task in a worker process",
            unit="us",
            better="lower",
            measured=metered,
            note="processor time of its meter alone, peak memory included: this comes on top there",
        ),
    ]


_CONTENDERS: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    HELIOGRAPH: nullcontext,
    CHECKPOINTS: _no_records,
    LOOP: _no_storage,
}


def _round(count: int, times: int) -> dict[str, list[float]]:
    """What each took, again and again, in one engine, and in turn so often that they find the same processor.

    How fast a processor is that others use too changes by half within seconds.
    """
    spent: dict[str, list[float]] = {who: [] for who in _CONTENDERS}
    order = list(_CONTENDERS)
    with engine("threads"):
        _spent(count)
        for _ in range(times):
            for who in order:
                gc.collect()
                with _CONTENDERS[who]():
                    spent[who].append(_spent(count))
            order.reverse()
    return spent


def _more(name: str, spent: Mapping[str, tuple[list[float], ...]], than: str) -> Figure:
    differences = [
        median([everything - less for everything, less in zip(*round_, strict=True)])
        for round_ in zip(spent[HELIOGRAPH], spent[than], strict=True)
    ]
    return Figure(
        name=name,
        unit="us",
        better="lower",
        measured={HELIOGRAPH: tuple(differences)},
        bars=(Bar(60.0),),
        note=f"processor time with everything on, less that of {than} just before or after; medians",
    )


def _spent(count: int) -> float:
    start = time.process_time()
    output = workflow.run(total.bind([increment.bind(number) for number in range(count)]))
    seconds = time.process_time() - start
    check(output, sum_to(count), "the output")
    return seconds / count * _MICROSECONDS


def _metered(count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        used: Any = Meter("exclusive").read()
    seconds = time.process_time() - start
    check(used.measured, "exclusive", "what was measured")
    return seconds / count * _MICROSECONDS
