"""Many trivial tasks side by side, and one that takes all their outputs."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.measure import FLOOR, HELIOGRAPH, Bar, Figure, Scale, alternate, check
from benchmarks.work import Workers, bare_pool, engine, increment, plus_one, total
from heliograph import workflow

_BARS: Final = {"threads": 5_000.0, "processes": 3_000.0}


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    count = scale.size(full=2_000, quick=200)
    measured = alternate(
        scale, {HELIOGRAPH: lambda: _heliograph(workers, count), FLOOR: lambda: _bare(workers, count)}
    )
    return [
        Figure(
            name=f"fan-out of {count:,} tasks, {workers}",
            unit="tasks/s",
            better="higher",
            measured=measured,
            floor=f"bare pool of {workers}, nothing stored",
            bar=Bar(_BARS[workers]),
            note="from before `bind` to the output",
        )
    ]


def _heliograph(workers: Workers, count: int) -> float:
    with engine(workers):
        start = time.perf_counter()
        output = workflow.run(
            total.bind([increment.bind(number) for number in range(count)]), workflow_id="fan-out"
        )
        seconds = time.perf_counter() - start
        check(output, _expected(count), "the output of the fan-out")
        check(workflow.get_metadata("fan-out")["progress"]["done"], count + 1, "tasks stored as done")
    return count / seconds


def _bare(workers: Workers, count: int) -> float:
    with bare_pool(workers) as pool:
        start = time.perf_counter()
        futures = [pool.submit(plus_one, number) for number in range(count)]
        output = sum([future.result() for future in futures])
        seconds = time.perf_counter() - start
    check(output, _expected(count), "the output of the bare pool")
    return count / seconds


def _expected(count: int) -> int:
    return count * (count + 1) // 2
