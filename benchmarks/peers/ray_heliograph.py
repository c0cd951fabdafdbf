"""The programs on heliograph's engine on Ray: the same lines as for `ray.workflow`, but for the import."""

from __future__ import annotations

import time
from typing import Any

import ray

from benchmarks.disk import filesystem_of
from benchmarks.peers.ray_cluster import ARRAY_LENGTH, cluster, random_numbers
from benchmarks.peers.telling import check, tell, timed
from heliograph import workflow


@ray.remote
def increment(number: int) -> int:
    return number + 1


@ray.remote
def total(*numbers: int) -> int:
    return sum(numbers)


@ray.remote
def fill(megabytes: int) -> Any:
    return random_numbers(megabytes * 125_000)


@ray.remote
def raised(array: Any) -> Any:
    return array + 1


def fan_out(count: int) -> float:
    return _fanned_out(increment, count)


def fan_out_alone(count: int) -> float:
    """Of tasks that may not be tried again: each of them is a task of Ray's of its own."""
    return _fanned_out(increment.options(max_retries=0), count)


def _fanned_out(function: Any, count: int) -> float:
    return timed(
        lambda: workflow.run(total.bind(*[function.bind(number) for number in range(count)])),
        count * (count + 1) // 2,
    )


def chain(length: int) -> float:
    def run() -> object:
        node = increment.bind(0)
        for _ in range(length - 1):
            node = increment.bind(node)
        return workflow.run(node)

    return timed(run, length)


def at_once(count: int) -> float:
    return timed(
        lambda: ray.get([workflow.run_async(increment.bind(number)) for number in range(count)]),
        list(range(1, count + 1)),
    )


def array(megabytes: int) -> float:
    start = time.perf_counter()
    node = fill.bind(megabytes)
    for _ in range(ARRAY_LENGTH - 1):
        node = raised.bind(node)
    output = workflow.run(node)
    check(int(output[0]), int(random_numbers(1)[0]) + ARRAY_LENGTH - 1)
    return time.perf_counter() - start


PROGRAMS = {
    "fan-out": fan_out,
    "fan-out-alone": fan_out_alone,
    "chain": chain,
    "at-once": at_once,
    "array": array,
}

if __name__ == "__main__":
    with cluster() as folder:
        check(filesystem_of(folder) in {"tmpfs", "ramfs"}, False)
        workflow.init(storage=folder)
        workflow.run(total.bind(*[increment.bind(0) for _ in range(64)]))
        workflow.run(raised.bind(fill.bind(1)))
        tell(PROGRAMS)
        workflow.shutdown()
