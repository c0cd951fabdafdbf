"""The map-reduce on heliograph, in a process of its own: so that its memory is nobody else's."""

from __future__ import annotations

import sys

from benchmarks.peers.telling import storage, tell, timed
from benchmarks.tasks import increment, total
from benchmarks.work import GROUP, engine, sum_to
from heliograph import workflow


def map_reduce(count: int) -> float:
    def work() -> object:
        numbers = [increment.bind(number) for number in range(count)]
        groups = [total.bind(numbers[at : at + GROUP]) for at in range(0, count, GROUP)]
        return workflow.run(total.bind(groups))

    return timed(work, sum_to(count))


def on(workers: str) -> None:
    with engine("threads" if workers == "threads" else "processes", storage()):
        tell({"map-reduce": map_reduce})


if __name__ == "__main__":
    on(sys.argv.pop(1))
