"""What the cases run: trivial tasks, and the engines that run them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.disk import fresh_folder
from benchmarks.floors import Workers
from heliograph import workflow
from tests.postgresql import server

GROUP: Final = 100
"""Tasks of a map whose outputs one task of the reduction takes."""


@workflow.task
def increment(number: int) -> int:
    return number + 1


@workflow.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@contextmanager
def engine(workers: Workers, storage: Path | str | None = None) -> Iterator[None]:
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
