"""The tasks of the cases, by themselves: a worker imports for them what it would for a user's."""

from __future__ import annotations

import os
import time
from pathlib import Path

from heliograph import workflow


@workflow.task
def increment(number: int) -> int:
    return number + 1


@workflow.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@workflow.task
def worker(seconds: float) -> int:
    """The process that runs it, for so long that another worker takes the next one."""
    time.sleep(seconds)
    return os.getpid()


@workflow.task
def distinct(numbers: list[int]) -> int:
    return len(set(numbers))


@workflow.task
def gate(_numbers: list[int], key: str) -> int:
    """Fails until its key is there."""
    if not Path(key).exists():
        raise RuntimeError("the gate is shut")
    return 1


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


@workflow.task
def make(size: int, number: int) -> bytes:
    return bytes([number]) * size


@workflow.task
def measured(data: bytes) -> int:
    return len(data)
