"""The programs on `ray.workflow`, as Ray 2.47 had it for the last time: runs in an environment of its own."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import ray
from ray import workflow

from benchmarks.peers.ray_cluster import ARRAY_LENGTH, cluster, random_numbers
from benchmarks.peers.telling import GROUP, PIECES, check, per_call, storage, tell, tell_first, timed


@ray.remote
def increment(number: int) -> int:
    return number + 1


@ray.remote
def total(*numbers: int) -> int:
    return sum(numbers)


@ray.remote
def fill_array(megabytes: int) -> Any:
    return random_numbers(megabytes * 125_000)


@ray.remote
def raised(array: Any) -> Any:
    return array + 1


def fan_out(count: int) -> float:
    return timed(
        lambda: workflow.run(total.bind(*[increment.bind(number) for number in range(count)])),
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
    node = fill_array.bind(megabytes)
    for _ in range(ARRAY_LENGTH - 1):
        node = raised.bind(node)
    output = workflow.run(node)
    check(int(output[0]), int(random_numbers(1)[0]) + ARRAY_LENGTH - 1)
    return time.perf_counter() - start


@ray.remote
def add(left: int, right: int) -> int:
    return left + right


@ray.remote(max_retries=0)
def gate(key: str, *_numbers: int) -> int:
    if not Path(key).exists():
        raise RuntimeError("the gate is shut")
    return 0


@ray.remote
def make(size: int) -> bytes:
    return bytes(size)


@ray.remote
def measure(data: bytes) -> int:
    return len(data)


def map_reduce(count: int) -> float:
    numbers = [increment.bind(number) for number in range(count)]
    groups = [total.bind(*numbers[at : at + GROUP]) for at in range(0, count, GROUP)]
    return timed(lambda: workflow.run(total.bind(*groups)), count * (count + 1) // 2)


def values(megabytes: int) -> float:
    size = megabytes * 1_000_000 // PIECES
    made = [measure.bind(make.bind(size)) for _ in range(PIECES)]
    return timed(lambda: workflow.run(total.bind(*made)), PIECES * size)


def resume(count: int) -> float:
    """A workflow that failed half-way."""
    key, half = Path(storage()) / "key", count // 2
    opened = gate.bind(str(key), *[increment.bind(number) for number in range(half)])
    with contextlib.suppress(Exception):
        workflow.run(total.bind(*[add.bind(number, opened) for number in range(half)]), workflow_id="half")
    key.touch()
    return timed(lambda: workflow.resume("half"), half * (half - 1) // 2)


def fill(count: int) -> None:
    for number in range(count):
        workflow.run(increment.bind(number), workflow_id=f"workflow-{number}")


def metadata(count: int) -> float:
    fill(count)
    return per_call(lambda: workflow.get_metadata("workflow-0")["status"], "SUCCESSFUL", calls=200)


def listing(count: int) -> float:
    """All of them: it knows no pages."""
    fill(count)
    return per_call(lambda: str(workflow.list_all()[0][1].value), "SUCCESSFUL", calls=10)


def main() -> None:
    with cluster(storage=lambda folder: f"file://{folder}"):
        workflow.init()
        if sys.argv[1].startswith("cold-start"):
            tell_first(workflow.run(increment.bind(2)))
            return
        workflow.run(total.bind(*[increment.bind(0) for _ in range(64)]))
        workflow.run(raised.bind(fill_array.bind(1)))
        tell(
            {
                "fan-out": fan_out,
                "chain": chain,
                "at-once": at_once,
                "array": array,
                "map-reduce": map_reduce,
                "values": values,
                "resume": resume,
                "metadata": metadata,
                "listing": listing,
            }
        )


if __name__ == "__main__":
    main()
