"""The programs on `ray.workflow`, as Ray 2.47 had it for the last time: runs in an environment of its own."""

from __future__ import annotations

import time
from typing import Any

import numpy
import ray
from ray import workflow

from benchmarks.peers.ray_cluster import ARRAY_LENGTH, check, cluster, tell


@ray.remote
def increment(number: int) -> int:
    return number + 1


@ray.remote
def total(*numbers: int) -> int:
    return sum(numbers)


@ray.remote
def fill(megabytes: int) -> Any:
    return numpy.zeros(megabytes * 125_000)


@ray.remote
def raised(array: Any) -> Any:
    return array + 1


def fan_out(count: int) -> float:
    start = time.perf_counter()
    output = workflow.run(total.bind(*[increment.bind(number) for number in range(count)]))
    seconds = time.perf_counter() - start
    check(output, count * (count + 1) // 2)
    return seconds


def chain(length: int) -> float:
    start = time.perf_counter()
    node = increment.bind(0)
    for _ in range(length - 1):
        node = increment.bind(node)
    output = workflow.run(node)
    seconds = time.perf_counter() - start
    check(output, length)
    return seconds


def at_once(count: int) -> float:
    start = time.perf_counter()
    outputs = ray.get([workflow.run_async(increment.bind(number)) for number in range(count)])
    seconds = time.perf_counter() - start
    check(outputs, list(range(1, count + 1)))
    return seconds


def array(megabytes: int) -> float:
    start = time.perf_counter()
    node = fill.bind(megabytes)
    for _ in range(ARRAY_LENGTH - 1):
        node = raised.bind(node)
    output = workflow.run(node)
    check(float(output.sum()), float(output.size * (ARRAY_LENGTH - 1)))
    return time.perf_counter() - start


if __name__ == "__main__":
    with cluster(storage=lambda folder: f"file://{folder}"):
        workflow.init()
        workflow.run(total.bind(*[increment.bind(0) for _ in range(64)]))
        workflow.run(raised.bind(fill.bind(1)))
        tell({"fan-out": fan_out, "chain": chain, "at-once": at_once, "array": array})
