"""Questions to a store of a million workflows, and to a workflow of 200,000 tasks."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import big_store
from benchmarks.disk import fresh_folder
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale
from heliograph import workflow

KEPT: Final = "HELIOGRAPH_BIG_STORE"
"""Names a folder with a store that was made before: to make one takes a minute or two."""


def measure(scale: Scale) -> list[Figure]:
    workflows, tasks = scale.size(1_000_000, 2_000), scale.size(200_000, 400)
    if kept := os.environ.get(KEPT):
        return _measured(Path(kept), scale)
    with fresh_folder() as folder:
        big_store.make(folder, workflows, tasks)
        return _measured(folder, scale)


def _measured(folder: Path, scale: Scale) -> list[Figure]:
    with closing(sqlite3.connect(folder / "heliograph.db")) as connection:
        workflows = connection.execute("SELECT count(*) FROM workflows").fetchone()[0]
        size = _bytes_per_task(connection)
    workflow.init(storage=folder, workers="threads")
    try:
        title = f"of {workflows:,} workflows"
        return [
            _figure(f"get_metadata(id) {title}", _one(workflows), 500, 0.3, scale),
            _figure(f"search by status and metadata, a page {title}", _searched(), 20, 30, scale),
            _figure(f"counts by status {title}", lambda: _some(workflow.summarize("status")), 5, 50, scale),
            _figure(
                "get_metadata(id, tasks=True), first page of the large one",
                lambda: _some(workflow.get_metadata(big_store.LARGE, tasks=True)["tasks"]),
                10,
                50,
                scale,
            ),
            Figure(
                "size on disk per task of the large one",
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


def _some(found: Sequence[Any]) -> None:
    if not found:
        raise AssertionError("nothing was found")


def _bytes_per_task(connection: sqlite3.Connection) -> float:
    """All that is stored of the large workflow's tasks, indexes too, as if each had pages of its own."""
    key = connection.execute("SELECT key FROM workflows WHERE workflow_id = ?", [big_store.LARGE]).fetchone()[
        0
    ]
    total = 0.0
    for table in ("tasks", "attempts", "stored_values", "dependencies"):
        pages = (
            "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = ?)"
        )
        size = connection.execute(pages, [table]).fetchone()[0]
        rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        mine = connection.execute(f"SELECT count(*) FROM {table} WHERE workflow = ?", [key]).fetchone()[0]
        total += size * mine / rows
    return total / connection.execute("SELECT count(*) FROM tasks WHERE workflow = ?", [key]).fetchone()[0]
