"""Many trivial tasks side by side, and one that takes all their outputs."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.floors import POOL, Workers, bare_pool, plus_one
from benchmarks.measure import HELIOGRAPH, ON_POSTGRESQL, Bar, Figure, Scale, alternate, check
from benchmarks.peers import peer
from benchmarks.tasks import increment, total
from benchmarks.work import engine, engine_on_postgresql, sum_to
from heliograph import workflow

_BARS: Final = {"threads": 10_000.0, "processes": 4_000.0}


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    count = scale.size(full=2_000, quick=200)

    def heliograph() -> float:
        with engine(workers):
            return _rate(count)

    def on_postgresql() -> float:
        with engine_on_postgresql(workers):
            return _rate(count)

    contenders = {
        HELIOGRAPH: heliograph,
        ON_POSTGRESQL: on_postgresql,
        POOL[workers]: lambda: _bare(workers, count),
    }
    if workers == "threads":
        contenders |= peer.rates("fan-out", scale)
    measured = alternate(scale, contenders)
    on_server = (Bar(3_000.0, who=ON_POSTGRESQL),) if workers == "threads" else ()
    return [
        Figure(
            name=f"fan-out of {count:,} tasks, {workers}",
            unit="tasks/s",
            better="higher",
            measured=measured,
            bars=(Bar(_BARS[workers]), *on_server, *peer.bars(measured)),
            note="from before `bind` to the output; nothing of the bare pool's is stored",
            floors={HELIOGRAPH: POOL[workers], ON_POSTGRESQL: POOL[workers]},
        )
    ]


def _rate(count: int) -> float:
    start = time.perf_counter()
    output = workflow.run(
        total.bind([increment.bind(number) for number in range(count)]), workflow_id="fan-out"
    )
    seconds = time.perf_counter() - start
    check(output, sum_to(count), "the output of the fan-out")
    check(workflow.get_metadata("fan-out")["progress"]["done"], count + 1, "tasks stored as done")
    return count / seconds


def _bare(workers: Workers, count: int) -> float:
    with bare_pool(workers) as pool:
        start = time.perf_counter()
        futures = [pool.submit(plus_one, number) for number in range(count)]
        output = sum([future.result() for future in futures])
        seconds = time.perf_counter() - start
    check(output, sum_to(count), "the output of the bare pool")
    return count / seconds
