"""Questions to a store of a million workflows, and to a workflow of 200,000 tasks."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from benchmarks import big_store, moving
from benchmarks.disk import fresh_folder
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale
from heliograph import workflow
from tests import postgresql

KEPT: Final = "HELIOGRAPH_BIG_STORE"
"""Names a folder with a store that was made before: to make one takes a minute or two."""
KEPT_URL: Final = "HELIOGRAPH_BIG_STORE_URL"
"""Names a database on a server that it was copied to before: that takes three minutes."""

_TABLES: Final = ("tasks", "attempts", "stored_values", "dependencies")


def measure(scale: Scale) -> list[Figure]:
    """On SQLite."""
    with _store(scale) as folder:
        with closing(sqlite3.connect(folder / "heliograph.db")) as connection:
            ask = _asking(connection)
            size = _bytes_per_task(ask, _PAGES)
            workflows = ask("SELECT count(*) FROM workflows")
        return _measured(folder, workflows, size, "SQLite", scale)


def measure_postgresql(scale: Scale) -> list[Figure]:
    """The same on a PostgreSQL server as it is set up when nobody tunes it."""
    with _database(scale) as url:
        with psycopg.connect(postgresql.plain(url)) as connection:
            ask = _asking(connection)
            size = _bytes_per_task(ask, "SELECT pg_total_relation_size('{}')")
            workflows = ask("SELECT count(*) FROM workflows")
        return _measured(url, workflows, size, "PostgreSQL", scale)


def _asking(connection: Any) -> Callable[[str], Any]:
    """Asks for one number."""
    return lambda query: connection.execute(query).fetchone()[0]


@contextmanager
def _store(scale: Scale) -> Iterator[Path]:
    if kept := os.environ.get(KEPT):
        yield Path(kept)
        return
    with fresh_folder() as folder:
        big_store.make(folder, scale.size(1_000_000, 2_000), scale.size(200_000, 400))
        yield folder


@contextmanager
def _database(scale: Scale) -> Iterator[str]:
    if kept := os.environ.get(KEPT_URL):
        yield kept
        return
    with _store(scale) as folder, fresh_folder() as values:
        url = postgresql.server().database(values, empty=True)
        moving.copy(folder, url)
        yield url
        postgresql.server().drop(url)


def _measured(storage: Path | str, workflows: int, size: float, where: str, scale: Scale) -> list[Figure]:
    workflow.init(storage=storage, workers="threads")
    title = f"of {workflows:,} workflows"
    questions: list[tuple[str, Callable[[], None], int, float]] = [
        (f"get_metadata(id) {title}", _one(workflows), 500, 0.3),
        (f"search by status and metadata, a page {title}", _searched(), 20, 30),
        (f"counts by status {title}", lambda: _some(workflow.summarize("status")), 5, 50),
        ("get_metadata(id, tasks=True), first page of the large one", _first_page, 10, 50),
        ("profile of the large one", _profiled, 1, 5000),
    ]
    try:
        return [
            *(_figure(f"{where}: {name}", ask, calls, bar, scale) for name, ask, calls, bar in questions),
            Figure(
                f"{where}: size on disk per task of the large one",
                "bytes",
                "lower",
                {HELIOGRAPH: (size,)},
                bar=Bar(1024),
            ),
        ]
    finally:
        workflow.shutdown()


def _figure(name: str, ask: Callable[[], None], calls: int, bar: float, scale: Scale) -> Figure:
    """Medians of many calls, one a round."""
    ask()
    values = []
    for _ in range(scale.repeat):
        seconds = []
        for _ in range(calls):
            start = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - start)
        values.append(median(seconds) * 1e3)
    return Figure(f"{name}, median", "ms", "lower", {HELIOGRAPH: tuple(values)}, bar=Bar(bar))


def _one(workflows: int) -> Callable[[], None]:
    draw = random.Random(workflows)

    def ask() -> None:
        number = draw.randrange(1, workflows - 1)
        found = workflow.get_metadata(big_store.name(number))
        if found["user_metadata"] != big_store.metadata(number):
            raise AssertionError(f"the metadata of workflow {number}: {found}")

    return ask


def _searched() -> Callable[[], None]:
    draw = random.Random(7)

    def ask() -> None:
        team = draw.choice(big_store.TEAMS)
        found = workflow.search(f"status = SUCCESSFUL and user_metadata.team = {team}")["found"]
        _some(found)
        if {one["user_metadata"]["team"] for one in found} != {team}:
            raise AssertionError(f"workflows of team {team}: {found}")

    return ask


def _first_page() -> None:
    _some(workflow.get_metadata(big_store.LARGE, tasks=True)["tasks"])


def _profiled() -> None:
    _some(workflow.profile(big_store.LARGE).path)


def _some(found: Sequence[Any]) -> None:
    if not found:
        raise AssertionError("nothing was found")


_PAGES: Final = (
    "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = '{}')"
)


def _bytes_per_task(ask: Callable[[str], Any], size_of: str) -> float:
    """All that is stored of the large workflow's tasks, indexes too, as if each had pages of its own."""
    key = ask(f"SELECT key FROM workflows WHERE workflow_id = '{big_store.LARGE}'")
    total = 0.0
    for table in _TABLES:
        rows = ask(f"SELECT count(*) FROM {table}")
        mine = ask(f"SELECT count(*) FROM {table} WHERE workflow = {key}")
        total += int(ask(size_of.format(table))) * mine / rows
    return total / int(ask(f"SELECT count(*) FROM tasks WHERE workflow = {key}"))
