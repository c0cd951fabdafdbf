"""The engines that run the cases, warm."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.disk import fresh_folder
from benchmarks.floors import Workers
from benchmarks.tasks import distinct, increment, total, worker
from heliograph import workflow
from tests.postgresql import server

GROUP: Final = 100
"""Tasks of a map whose outputs one task of the reduction takes."""


@contextmanager
def engine(workers: Workers, storage: Path | str | None = None) -> Iterator[None]:
    """heliograph, warm: on a fresh storage unless one is given; every worker has run a task."""
    if storage is None:
        with fresh_folder() as folder, engine(workers, folder):
            yield
        return
    workflow.init(storage=storage, workers=workers)
    try:
        _warm(os.cpu_count() or 1 if workers == "processes" else 1)
        yield
    finally:
        workflow.shutdown()


def _warm(processes: int) -> None:
    """As the bare pools are: what a worker takes to start and to import is in no rate."""
    at_once = [increment.bind(number) for number in range(64)]
    workflow.run(total.bind(at_once))
    deadline = time.monotonic() + 60
    while workflow.run(distinct.bind([worker.bind(0.02) for _ in range(processes)])) < processes:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{processes} workers are not all there")


@contextmanager
def engine_on_postgresql(workers: Workers) -> Iterator[None]:
    """As `engine`, on a fresh database of a PostgreSQL server."""
    with fresh_folder() as folder:
        url = server().database(folder / "values")
        try:
            with engine(workers, url):
                yield
        finally:
            server().drop(url)


def sum_to(count: int) -> int:
    """1 + 2 + … + count."""
    return count * (count + 1) // 2
