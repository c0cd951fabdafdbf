"""Waiting for what must come: never for a time, always for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")

DEADLINE = 60.0


def until(condition: Callable[[], T], what: str = "", deadline: float = DEADLINE) -> T:
    """Wait until the condition gives something true, and return that."""
    end = time.monotonic() + deadline
    pause = 0.001
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(
                f"not within {deadline} s: {what or condition}; the last answer was {value!r}"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return value


def is_gone(pid: int) -> bool:
    """Whether a process has ended, though perhaps nobody has waited for it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
