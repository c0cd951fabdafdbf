"""A chain on heliograph and what does the least of it, in a process of its own, whose disk may be slow."""

from __future__ import annotations

import sys

from benchmarks.cases.chain import rate
from benchmarks.floors import SQLITE, Workers, fdatasyncs, pool_chain, row_commits
from benchmarks.peers.telling import tell
from benchmarks.work import engine


def on(workers: Workers) -> None:
    def heliograph(length: int) -> float:
        with engine(workers):
            return length / rate(length)

    tell(
        {
            "chain": heliograph,
            "sqlite": lambda length: length / row_commits(SQLITE, length),
            "pool": lambda length: length / pool_chain(workers, SQLITE, length),
            "fdatasync": lambda length: length / fdatasyncs(length),
        }
    )


if __name__ == "__main__":
    on("threads" if sys.argv.pop(1) == "threads" else "processes")
