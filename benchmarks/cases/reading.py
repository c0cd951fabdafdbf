"""`get_metadata` of one workflow among many."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median, quantiles

from benchmarks.measure import FLOOR, HELIOGRAPH, Bar, Figure, Scale, alternate, check
from benchmarks.work import bare_sqlite, engine, increment
from heliograph import workflow

_SUBMITTERS = 8  # threads that fill the store: each waits for its own commit, and commits are shared


def measure(scale: Scale) -> list[Figure]:
    stored, calls = scale.size(full=10_000, quick=200), scale.size(full=2_000, quick=200)
    with engine("threads"), bare_sqlite() as bare:
        _fill(stored)
        _fill_bare(bare, stored)
        measured = alternate(
            scale,
            {
                HELIOGRAPH: lambda: _timed(_heliograph, stored, calls),
                FLOOR: lambda: _timed(lambda number: _bare(bare, number), stored, calls),
            },
        )
    title = f"get_metadata(id) of {stored:,} workflows"
    floor = "one sqlite3 SELECT by primary key, connection kept"
    figures = []
    for at, (name, bar) in enumerate((("median", Bar(0.25)), ("p99", None))):
        values = {who: tuple([pair[at] for pair in pairs]) for who, pairs in measured.items()}
        figures.append(Figure(f"{title}, {name}", "ms", "lower", values, floor, bar))
    return figures


def _fill(stored: int) -> None:
    with ThreadPoolExecutor(_SUBMITTERS) as submitters:
        futures = list(submitters.map(_submit, range(stored)))
    for number, future in enumerate(futures):
        check(future.result(), number + 1, f"the output of workflow {number}")


def _submit(number: int) -> Future[int]:
    return workflow.run_async(increment.bind(number), workflow_id=_name(number), metadata={"number": number})


def _fill_bare(bare: sqlite3.Connection, stored: int) -> None:
    text = json.dumps({"status": "SUCCESSFUL", "argv": ["x" * 500]})  # about as many bytes as a workflow has
    bare.execute("BEGIN")
    bare.executemany("INSERT INTO rows (number, text) VALUES (?, ?)", [(n, text) for n in range(stored)])
    bare.execute("COMMIT")


def _timed(read: Callable[[int], None], stored: int, calls: int) -> tuple[float, float]:
    """Median and 99th percentile of many calls, in milliseconds."""
    numbers = random.Random(calls).choices(range(stored), k=calls)
    seconds = []
    for number in numbers:
        start = time.perf_counter()
        read(number)
        seconds.append(time.perf_counter() - start)
    return median(seconds) * 1e3, quantiles(seconds, n=100)[98] * 1e3


def _heliograph(number: int) -> None:
    found = workflow.get_metadata(_name(number))
    if found["user_metadata"] != {"number": number} or found["status"] != "SUCCESSFUL":
        raise AssertionError(f"the metadata of workflow {number}: {found}")


def _bare(bare: sqlite3.Connection, number: int) -> None:
    bare.execute("SELECT number, text FROM rows WHERE number = ?", (number,)).fetchone()


def _name(number: int) -> str:
    return f"workflow-{number}"
