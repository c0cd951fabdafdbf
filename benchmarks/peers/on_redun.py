"""The cases on redun: its scheduler, its threads, its SQLite database."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from redun import Scheduler, task
from redun.config import Config

from benchmarks.peers.telling import GROUP, PIECES, storage, tell, tell_first, timed

redun_namespace = "bench"
scheduler: Scheduler
logging.getLogger("redun").setLevel(logging.ERROR)


@task()
def increment(number: int) -> int:
    return number + 1


@task()
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task()
def add(left: int, right: int) -> int:
    return left + right


@task()
def gate(_numbers: list[int], key: str) -> int:
    if not Path(key).exists():
        raise RuntimeError("the gate is shut")
    return 0


@task()
def make(size: int, _number: int) -> bytes:
    return bytes(size)


@task()
def measure(data: bytes) -> int:
    return len(data)


def warm() -> None:
    global scheduler
    config = Config(
        {
            "backend": {"db_uri": f"sqlite:///{storage()}/redun.db"},
            "executors.default": {"type": "local", "mode": "thread", "max_workers": "4"},
        }
    )
    scheduler = Scheduler(config=config)
    scheduler.load(migrate=True)


def run_cold(_count: int) -> float:
    warm()
    return tell_first(scheduler.run(increment(2)))


def run_chain(count: int) -> float:
    warm()

    def chain() -> object:
        node = increment(0)
        for _ in range(count - 1):
            node = increment(node)
        return scheduler.run(node)

    return timed(chain, count)


def run_fan_out(count: int) -> float:
    warm()
    return timed(
        lambda: scheduler.run(total([increment(number) for number in range(count)])), count * (count + 1) // 2
    )


def run_map_reduce(count: int) -> float:
    warm()

    def map_reduce() -> object:
        numbers = [increment(number) for number in range(count)]
        return scheduler.run(total([total(numbers[at : at + GROUP]) for at in range(0, count, GROUP)]))

    return timed(map_reduce, count * (count + 1) // 2)


def run_at_once(count: int) -> float:
    """One after the other: a scheduler of redun's runs one workflow at a time."""
    warm()
    return timed(
        lambda: sum([scheduler.run(increment(number)) for number in range(count)]), count * (count + 1) // 2
    )


def run_values(count: int) -> float:
    warm()
    size = count * 1_000_000 // PIECES
    return timed(
        lambda: scheduler.run(total([measure(make(size, number)) for number in range(PIECES)])), PIECES * size
    )


def run_resume(count: int) -> float:
    """A workflow that failed half-way, run again: what is done is found in the cache."""
    warm()
    key, half = Path(storage()) / "key", count // 2

    def whole() -> object:
        opened = gate([increment(number) for number in range(half)], str(key))
        return scheduler.run(total([add(number, opened) for number in range(half)]))

    with contextlib.suppress(RuntimeError):
        whole()
    key.touch()
    return timed(whole, half * (half - 1) // 2)


if __name__ == "__main__":
    tell(
        {
            "cold-start": run_cold,
            "chain": run_chain,
            "fan-out": run_fan_out,
            "map-reduce": run_map_reduce,
            "at-once": run_at_once,
            "values": run_values,
            "resume": run_resume,
        }
    )
    os._exit(0)
