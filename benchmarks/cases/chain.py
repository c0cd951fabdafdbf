"""Trivial tasks one after the other: each waits until the one before is stored, so the disk sets the pace."""

from __future__ import annotations

import time

from benchmarks.measure import FLOOR, HELIOGRAPH, Bar, Figure, Scale, alternate, check
from benchmarks.work import Workers, bare_sqlite, commit_seconds, engine, increment
from heliograph import workflow


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    length = scale.size(full=500, quick=50)
    measured = alternate(
        scale, {HELIOGRAPH: lambda: _heliograph(workers, length), FLOOR: lambda: _bare(length)}
    )
    return [
        Figure(
            name=f"chain of {length:,} tasks, {workers}",
            unit="tasks/s",
            better="higher",
            measured=measured,
            floor="SQLite (WAL, synchronous=FULL), one small row a commit",
            bar=Bar(0.6, of="ratio"),
            note="from before `bind` to the output",
        )
    ]


def _heliograph(workers: Workers, length: int) -> float:
    with engine(workers):
        start = time.perf_counter()
        node = increment.bind(0)
        for _ in range(length - 1):
            node = increment.bind(node)
        output = workflow.run(node, workflow_id="chain")
        seconds = time.perf_counter() - start
        check(output, length, "the output of the chain")
        check(workflow.get_metadata("chain")["progress"]["done"], length, "tasks stored as done")
    return length / seconds


def _bare(length: int) -> float:
    with bare_sqlite() as connection:
        return length / commit_seconds(connection, length)
