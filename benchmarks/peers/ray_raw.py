"""The programs on bare Ray: nothing is stored, nothing is recorded."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import ray

from benchmarks.peers.ray_cluster import ARRAY_LENGTH, cluster, random_numbers
from benchmarks.peers.telling import check, tell, timed


@ray.remote
def increment(number: int) -> int:
    return number + 1


@ray.remote
def fill(megabytes: int) -> Any:
    return random_numbers(megabytes * 125_000)


@ray.remote
def raised(array: Any) -> Any:
    return array + 1


def fan_out(count: int) -> float:
    return timed(
        lambda: sum(ray.get([increment.remote(number) for number in range(count)])),
        count * (count + 1) // 2,
    )


def chain(length: int) -> float:
    def run() -> int:
        value = 0
        for _ in range(length):
            value = ray.get(increment.remote(value))
        return value

    return timed(run, length)


def at_once(count: int) -> float:
    return timed(
        lambda: ray.get([increment.remote(number) for number in range(count)]),
        list(range(1, count + 1)),
    )


def array(megabytes: int) -> float:
    """The chain, and then the bare writing of as many files of that size, each forced to the disk."""
    start = time.perf_counter()
    reference = fill.remote(megabytes)
    for _ in range(ARRAY_LENGTH - 1):
        reference = raised.remote(reference)
    output = ray.get(reference)
    check(int(output[0]), int(random_numbers(1)[0]) + ARRAY_LENGTH - 1)
    for number in range(ARRAY_LENGTH):
        with Path(folder, f"array-{number}").open("wb") as file:
            file.write(output.data)
            os.fdatasync(file.fileno())
    return time.perf_counter() - start


if __name__ == "__main__":
    with cluster() as folder:
        ray.get([increment.remote(0) for _ in range(64)])
        ray.get(raised.remote(fill.remote(1)))
        tell(
            {"fan-out": fan_out, "fan-out-alone": fan_out, "chain": chain, "at-once": at_once, "array": array}
        )
