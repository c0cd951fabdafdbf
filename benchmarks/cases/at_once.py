"""Many workflows of one task each, at once: every one is submitted, stored and ended by itself."""

from __future__ import annotations

import time

from benchmarks.floors import POSTGRESQL, SQLITE, Workers, commits, pool_at_once, pool_on
from benchmarks.measure import HELIOGRAPH, ON_POSTGRESQL, Bar, Figure, Scale, alternate, check
from benchmarks.peers import peer
from benchmarks.tasks import increment
from benchmarks.work import engine, engine_on_postgresql
from heliograph import workflow


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    count = scale.size(full=1_000, quick=100)

    def heliograph() -> float:
        with engine(workers):
            return _rate(count)

    def on_postgresql() -> float:
        with engine_on_postgresql(workers):
            return _rate(count)

    contenders = {
        HELIOGRAPH: heliograph,
        ON_POSTGRESQL: on_postgresql,
        **commits(count),
        pool_on(workers, SQLITE): lambda: pool_at_once(workers, SQLITE, count),
        pool_on(workers, POSTGRESQL): lambda: pool_at_once(workers, POSTGRESQL, count),
    }
    if workers == "threads":
        contenders |= peer.rates("at-once", scale)
    measured = alternate(scale, contenders)
    return [
        Figure(
            name=f"{count:,} workflows of one task at once, {workers}",
            unit="workflows/s",
            better="higher",
            measured=measured,
            bars=(Bar(1_500.0), *peer.bars(measured)),
            note="`run_async` of all by one thread, then all outputs; floors: one small row a commit, "
            "and a bare task behind it",
            floors={HELIOGRAPH: pool_on(workers, SQLITE), ON_POSTGRESQL: pool_on(workers, POSTGRESQL)},
        )
    ]


def _rate(count: int) -> float:
    before = len(workflow.list_all("SUCCESSFUL"))
    start = time.perf_counter()
    futures = [workflow.run_async(increment.bind(number)) for number in range(count)]
    outputs = [future.result() for future in futures]
    seconds = time.perf_counter() - start
    check(outputs, list(range(1, count + 1)), "the outputs of the workflows")
    check(len(workflow.list_all("SUCCESSFUL")) - before, count, "workflows stored as successful")
    return count / seconds
