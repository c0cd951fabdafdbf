"""What the coordinator on Ray holds: `python -m benchmarks.ray_memory`.

So many tasks in one workflow, and so many workflows at once, each time more than once: printed is the memory
that is resident of the coordinator's process at the start, in the middle and at the end.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import ray

from benchmarks.peers.ray_cluster import cluster
from benchmarks.peers.ray_heliograph import increment, total
from benchmarks.peers.telling import check
from heliograph import workflow
from heliograph.engines.opening import opened


def resident() -> float:
    """Megabytes of the coordinator's process."""
    return opened().ray.memory()[0][1] / 1e6


def measure(title: str, begin: Callable[[], Callable[[], object]], done: Callable[[], float]) -> None:
    """Print the memory before `begin`, half-way by `done`, and after what it returned has ended."""
    start, seconds = resident(), time.perf_counter()
    end = begin()
    while done() < 0.5:
        time.sleep(0.02)
    middle = resident()
    end()
    print(
        f"{title}: start {start:.0f} MB, middle {middle:.0f} MB, end {resident():.0f} MB;"
        f" {time.perf_counter() - seconds:.1f} s",
        flush=True,
    )


def tasks(count: int) -> None:
    dag = total.bind(*[increment.bind(number) for number in range(count)])

    def begin() -> Callable[[], object]:
        output = workflow.run_async(dag, workflow_id="tasks")
        return lambda: check(ray.get(output), count * (count + 1) // 2)

    measure(
        f"{count:,} tasks", begin, lambda: workflow.get_metadata("tasks")["progress"]["done"] / (count + 1)
    )
    workflow.delete("tasks")


def workflows(count: int) -> None:
    before = ended()

    def begin() -> Callable[[], object]:
        outputs = [workflow.run_async(increment.bind(number)) for number in range(count)]
        return lambda: check(ray.get(outputs), list(range(1, count + 1)))

    measure(f"{count:,} workflows at once", begin, lambda: (ended() - before) / count)


def ended() -> int:
    return len(workflow.list_all("SUCCESSFUL"))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ray_memory", description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000, metavar="N")
    parser.add_argument("--workflows", type=int, default=1_000, metavar="N")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    given = parser.parse_args(argv)
    with cluster() as folder:
        workflow.init(storage=folder)
        workflow.run(total.bind(*[increment.bind(0) for _ in range(64)]))
        for _ in range(given.repeat):
            tasks(given.tasks)
        for _ in range(given.repeat):
            workflows(given.workflows)
        workflow.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
