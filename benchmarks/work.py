"""What the cases run: trivial tasks, the engines that run them, and the floors below."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from benchmarks.disk import fresh_folder
from heliograph import workflow

Workers = Literal["threads", "processes"]


def plus_one(number: int) -> int:
    return number + 1


@workflow.task
def increment(number: int) -> int:
    return number + 1


@workflow.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@contextmanager
def engine(workers: Workers, storage: Path | None = None) -> Iterator[None]:
    """heliograph, warm: on a fresh storage unless one is given, with one tiny workflow behind it."""
    if storage is None:
        with fresh_folder() as folder, engine(workers, folder):
            yield
        return
    workflow.init(storage=storage, workers=workers)
    try:
        workflow.run(increment.bind(0))
        yield
    finally:
        workflow.shutdown()


@contextmanager
def bare_pool(workers: Workers) -> Iterator[Executor]:
    """A pool of the standard library, warm, with as many workers as heliograph's."""
    made: Executor
    if workers == "threads":
        made = ThreadPoolExecutor()
    else:
        made = ProcessPoolExecutor(
            mp_context=get_context("forkserver")
        )  # forking with threads about may hang
    with made as pool:
        for future in [pool.submit(plus_one, number) for number in range(64)]:
            future.result()
        yield pool


@contextmanager
def bare_sqlite() -> Iterator[sqlite3.Connection]:
    """A fresh database as durable as heliograph's, used by nobody else."""
    with fresh_folder() as folder, closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA synchronous=FULL")
        made.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        yield made


def commit_seconds(connection: sqlite3.Connection, count: int) -> float:
    """How long so many commits take, one small row in each."""
    start = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO rows (number, text) VALUES (?, ?)", (number, "a small row"))
    return time.perf_counter() - start
