"""Questions to a store of one workflow, of thousands and of a million, and to a workflow of 200,000 tasks."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from benchmarks import big_store
from benchmarks.disk import fresh_folder
from benchmarks.floors import SQLITE, bare_sqlite
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, milliseconds
from benchmarks.peers import peer
from heliograph import workflow

KEPT: Final = "HELIOGRAPH_BIG_STORE"
"""Names a folder with a large store that was made before: to make one takes a minute or two."""

_P99: Final = 98


def measure(scale: Scale) -> list[Figure]:
    figures: list[Figure] = []
    for count in scale.size(1, 1), scale.size(10_000, 200):
        with fresh_folder() as folder:
            big_store.make(folder, count, 4)
            figures += _of_workflows(folder, count, scale)
    with _large(scale) as (folder, count):
        figures += _of_workflows(folder, count, scale)
        figures += _of_tasks(folder, scale)
    return figures


@contextmanager
def _large(scale: Scale) -> Iterator[tuple[Path, int]]:
    """The large store, and how many workflows it has."""
    if kept := os.environ.get(KEPT):
        with closing(sqlite3.connect(Path(kept) / "heliograph.db")) as connection:
            count = connection.execute("SELECT count(*) FROM workflows").fetchone()[0]
        yield Path(kept), count - 1
        return
    count = scale.size(1_000_000, 2_000)
    with fresh_folder() as folder:
        big_store.make(folder, count, scale.size(200_000, 400))
        yield folder, count


@contextmanager
def _opened(folder: Path) -> Iterator[None]:
    workflow.init(storage=folder, workers="threads")
    try:
        yield
    finally:
        workflow.shutdown()


def _of_workflows(folder: Path, count: int, scale: Scale) -> list[Figure]:
    of = f"of {count:,} workflow{'s' if count > 1 else ''}"
    with _opened(folder), bare_sqlite() as bare:
        _fill_bare(bare, count)
        one = alternate(
            scale,
            {
                HELIOGRAPH: lambda: _timed(_one(count), 500),
                SQLITE: lambda: _timed(_bare_row(bare, count), 500),
            },
        )
        pages = {
            "listing": alternate(scale, {HELIOGRAPH: lambda: _timed(_listed, 20)[0]}),
            "search": alternate(scale, {HELIOGRAPH: lambda: _timed(_searched(count), 20)[0]}),
            "counts": alternate(scale, {HELIOGRAPH: lambda: _timed(_counted, 5)[0]}),
        }
    asked = {
        case: alternate(scale, peer.durations(case, scale, count))
        for case in ("metadata", "listing", "search")
    }
    medians = {who: tuple([pair[0] for pair in pairs]) for who, pairs in one.items()} | asked["metadata"]
    worst = {who: tuple([pair[1] for pair in pairs]) for who, pairs in one.items()}
    floor = "floor: one row by its primary key, connection kept"
    found = [
        Figure(
            f"get_metadata(id) {of}",
            "ms",
            "lower",
            milliseconds(medians),
            (Bar(0.25), *peer.bars(medians)),
            f"median call; {floor}",
        ),
        Figure(f"get_metadata(id) {of}, slowest hundredth", "ms", "lower", milliseconds(worst), note=floor),
        Figure(
            f"list_metadata, newest 50 {of}",
            "ms",
            "lower",
            milliseconds(pages["listing"] | asked["listing"]),
            peer.bars(asked["listing"]),
            "median call; ray.workflow lists all",
        ),
        Figure(
            f"search by status and metadata, first page {of}",
            "ms",
            "lower",
            milliseconds(pages["search"] | asked["search"]),
            (Bar(30.0), *peer.bars(asked["search"])),
            "median call; DBOS is asked for a status and a prefix of the id",
        ),
    ]
    counts = Figure(
        f"counts by status {of}", "ms", "lower", milliseconds(pages["counts"]), (Bar(50.0),), "median call"
    )
    return [*found, counts]


def _of_tasks(folder: Path, scale: Scale) -> list[Figure]:
    with closing(sqlite3.connect(folder / "heliograph.db")) as connection:
        size = _bytes_per_task(connection)
    with _opened(folder):
        page = alternate(scale, {HELIOGRAPH: lambda: _timed(_task_page, 10)[0]})
        profile = alternate(scale, {HELIOGRAPH: lambda: _timed(_profiled, 1)[0]})
    return [
        Figure(
            "get_metadata(id, tasks=True), first page of the workflow with many tasks",
            "ms",
            "lower",
            milliseconds(page),
            (Bar(50.0),),
        ),
        Figure("profile of the workflow with many tasks", "s", "lower", profile, (Bar(5.0),)),
        Figure(
            "size on disk per task of the workflow with many tasks",
            "bytes",
            "lower",
            {HELIOGRAPH: (size,)},
            (Bar(1024.0),),
        ),
    ]


def _timed(ask: Callable[[], None], calls: int) -> tuple[float, float]:
    """Median and slowest hundredth of many calls, in seconds."""
    ask()
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - start)
    return median(seconds), max(seconds) if calls < 100 else quantiles(seconds, n=100)[_P99]


def _fill_bare(bare: sqlite3.Connection, count: int) -> None:
    text = json.dumps({"status": "SUCCESSFUL", "argv": ["x" * 500]})  # about as many bytes as a workflow has
    bare.execute("BEGIN")
    bare.executemany("INSERT INTO rows (number, text) VALUES (?, ?)", ((n, text) for n in range(count)))
    bare.execute("COMMIT")


def _bare_row(bare: sqlite3.Connection, count: int) -> Callable[[], None]:
    draw = random.Random(count)

    def ask() -> None:
        number = draw.randrange(count)
        bare.execute("SELECT number, text FROM rows WHERE number = ?", (number,)).fetchone()

    return ask


def _one(count: int) -> Callable[[], None]:
    draw = random.Random(count)

    def ask() -> None:
        number = draw.randrange(count)
        found = workflow.get_metadata(big_store.name(number))
        if found["user_metadata"] != big_store.metadata(number):
            raise AssertionError(f"the metadata of workflow {number}: {found}")

    return ask


def _listed() -> None:
    _some(workflow.list_metadata(limit=50))


def _searched(count: int) -> Callable[[], None]:
    draw = random.Random(7)
    teams = big_store.TEAMS if count > 100 else big_store.TEAMS[:1]

    def ask() -> None:
        team = draw.choice(teams)
        found = workflow.search(f"status = SUCCESSFUL and user_metadata.team = {team}")["found"]
        _some(found)
        if {one["user_metadata"]["team"] for one in found} != {team}:
            raise AssertionError(f"workflows of team {team}: {found}")

    return ask


def _counted() -> None:
    _some(workflow.summarize("status"))


def _task_page() -> None:
    _some(workflow.get_metadata(big_store.LARGE, tasks=True)["tasks"])


def _profiled() -> None:
    _some(workflow.profile(big_store.LARGE))


def _some(found: Any) -> None:
    if not found:
        raise AssertionError("nothing was found")


def _bytes_per_task(connection: sqlite3.Connection) -> float:
    """All that is stored of the large workflow's tasks, indexes too, as if each had pages of its own."""
    asked = "SELECT key FROM workflows WHERE workflow_id = ?"
    key = connection.execute(asked, [big_store.LARGE]).fetchone()[0]
    pages = "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = ?)"
    total = 0.0
    for table in ("tasks", "attempts", "stored_values", "dependencies"):
        size = connection.execute(pages, [table]).fetchone()[0]
        rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        mine = connection.execute(f"SELECT count(*) FROM {table} WHERE workflow = ?", [key]).fetchone()[0]
        total += size * mine / rows
    return total / connection.execute("SELECT count(*) FROM tasks WHERE workflow = ?", [key]).fetchone()[0]
