"""What every program shares: it is told cases and sizes, and tells how long each took.

    python -m benchmarks.peers.on_dask fan-out=2000 chain=300

prints one line of JSON: the seconds that each program took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

Program = Callable[[int], float]
"""Takes a size, does its work, and returns the seconds that it took."""

GROUP = 100
"""Tasks of a map whose outputs one task of the reduction takes."""

PIECES = 8
"""Values that the megabytes of the case `values` are split into."""

STORAGE = "HELIOGRAPH_BENCH_STORAGE"
"""Names an empty folder, or a database of PostgreSQL, for a program to store in."""


def storage() -> str:
    return os.environ[STORAGE]


def tell(programs: Mapping[str, Program]) -> None:
    """Run the programs that the command line asks for, and print how long each took."""
    wanted = [argument.partition("=") for argument in sys.argv[1:]]
    seconds = {name: programs[name](int(size)) for name, _, size in wanted if name in programs}
    print(json.dumps(seconds), flush=True)


def tell_first(result: object) -> float:
    """The first result of a cold start, which the one who started this process waits for."""
    print(result, flush=True)
    return 0.0


def timed(work: Callable[[], object], expected: object) -> float:
    """Seconds that the work took, whose result has to be the expected one."""
    start = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - start
    check(found, expected)
    return seconds


def per_call(ask: Callable[[], Any], expected: object, calls: int) -> float:
    """Median seconds of a call."""
    check(ask(), expected)
    return median([timed(ask, expected) for _ in range(calls)])


def check(found: object, expected: object) -> None:
    """A benchmark of wrong results is worth nothing."""
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")
