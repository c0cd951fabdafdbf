"""Many workflows of one task each, at once: every one is submitted, stored and ended by itself."""

from __future__ import annotations

import time

from benchmarks.measure import FLOOR, HELIOGRAPH, Figure, Scale, alternate, check
from benchmarks.work import Workers, bare_sqlite, commit_seconds, engine, increment
from heliograph import workflow


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    count = scale.size(full=1_000, quick=100)
    measured = alternate(
        scale, {HELIOGRAPH: lambda: _heliograph(workers, count), FLOOR: lambda: _bare(count)}
    )
    return [
        Figure(
            name=f"{count:,} workflows of one task at once, {workers}",
            unit="workflows/s",
            better="higher",
            measured=measured,
            floor="SQLite, one small row a commit",
            note="`run_async` of all by one thread, then all outputs",
        )
    ]


def _heliograph(workers: Workers, count: int) -> float:
    with engine(workers):
        start = time.perf_counter()
        futures = [workflow.run_async(increment.bind(number)) for number in range(count)]
        outputs = [future.result() for future in futures]
        seconds = time.perf_counter() - start
        check(outputs, list(range(1, count + 1)), "the outputs of the workflows")
        check(len(workflow.list_all("SUCCESSFUL")), count + 1, "workflows stored as successful")
    return count / seconds


def _bare(count: int) -> float:
    with bare_sqlite() as connection:
        return count / commit_seconds(connection, count)
