"""Trivial tasks one after the other: each waits until the one before is stored, so the disk sets the pace."""

from __future__ import annotations

import time

from benchmarks.floors import POSTGRESQL, SQLITE, Workers, commits, pool_chain, pool_on
from benchmarks.measure import HELIOGRAPH, ON_POSTGRESQL, Bar, Figure, Scale, alternate, check
from benchmarks.peers import peer
from benchmarks.tasks import increment
from benchmarks.work import engine, engine_on_postgresql
from heliograph import workflow


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    length = scale.size(full=500, quick=50)

    def heliograph() -> float:
        with engine(workers):
            return rate(length)

    def on_postgresql() -> float:
        with engine_on_postgresql(workers):
            return rate(length)

    contenders = {
        HELIOGRAPH: heliograph,
        ON_POSTGRESQL: on_postgresql,
        **commits(length),
        pool_on(workers, SQLITE): lambda: pool_chain(workers, SQLITE, length),
        pool_on(workers, POSTGRESQL): lambda: pool_chain(workers, POSTGRESQL, length),
    }
    if workers == "threads":
        contenders |= peer.rates("chain", scale)
    measured = alternate(scale, contenders)
    return [
        Figure(
            name=f"chain of {length:,} tasks, {workers}",
            unit="tasks/s",
            better="higher",
            measured=measured,
            bars=(Bar(0.8, SQLITE), *peer.bars(measured)),
            note="from before `bind` to the output; floors: a small row a commit, and a bare task before it",
            floors={HELIOGRAPH: pool_on(workers, SQLITE), ON_POSTGRESQL: pool_on(workers, POSTGRESQL)},
        )
    ]


def rate(length: int) -> float:
    start = time.perf_counter()
    node = increment.bind(0)
    for _ in range(length - 1):
        node = increment.bind(node)
    output = workflow.run(node, workflow_id="chain")
    seconds = time.perf_counter() - start
    check(output, length, "the output of the chain")
    check(workflow.get_metadata("chain")["progress"]["done"], length, "tasks stored as done")
    return length / seconds
