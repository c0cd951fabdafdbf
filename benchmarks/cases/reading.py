"""Questions to a store of one workflow, of thousands and of a million, and to a workflow of 200,000 tasks."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import psycopg

from benchmarks import big_store, moving
from benchmarks.disk import fresh_folder
from benchmarks.floors import SQLITE, bare_sqlite
from benchmarks.measure import HELIOGRAPH, ON_POSTGRESQL, Bar, Figure, Scale, alternate, milliseconds
from benchmarks.peers import peer
from heliograph import workflow
from tests.postgresql import plain, server

KEPT: Final = "HELIOGRAPH_BIG_STORE"
"""Names a folder with a large store that was made before: to make one takes a minute or two."""

KEPT_URL: Final = "HELIOGRAPH_BIG_STORE_URL"
"""Names a database on a server that it was copied to before."""

_P99: Final = 98
_SHOWN: Final = ("number", "workflow_id", "name", "status", "user_metadata", "start_time", "end_time")
_BARE_PAGE: Final = "floor: 50 rows of one table, as dicts, their JSON read"

Stores = Mapping[str, Path | str]
Contenders = dict[str, Callable[[], tuple[float, float]]]


def measure(scale: Scale) -> list[Figure]:
    figures: list[Figure] = []
    for count in scale.size(1, 1), scale.size(10_000, 200):
        with _stores(count, 4) as stores:
            figures += _of_workflows(stores, count, scale)
    with _large(scale) as (stores, count):
        figures += _of_workflows(stores, count, scale)
        figures += _of_tasks(stores, scale)
    return figures


@contextmanager
def _stores(count: int, tasks: int) -> Iterator[Stores]:
    """The same store on SQLite and on PostgreSQL, on a server as it is set up when nobody tunes it."""
    with fresh_folder() as folder, fresh_folder() as values:
        big_store.make(folder, count, tasks)
        url = server().database(values, empty=True)
        try:
            moving.copy(folder, url)
            yield {HELIOGRAPH: folder, ON_POSTGRESQL: url}
        finally:
            server().drop(url)


@contextmanager
def _large(scale: Scale) -> Iterator[tuple[Stores, int]]:
    """The large stores, and how many workflows each has."""
    if not (kept := os.environ.get(KEPT)):
        count = scale.size(1_000_000, 2_000)
        with _stores(count, scale.size(200_000, 400)) as stores:
            yield stores, count
        return
    with closing(sqlite3.connect(Path(kept) / "heliograph.db")) as connection:
        count = connection.execute("SELECT count(*) FROM workflows").fetchone()[0] - 1
    stores = {HELIOGRAPH: Path(kept)}
    if url := os.environ.get(KEPT_URL):
        stores[ON_POSTGRESQL] = url
    yield stores, count


def _asked(stores: Stores, scale: Scale, ask: Callable[[], None], calls: int) -> Contenders:
    """Contenders that ask many times, each on a store of its own; how long one call took."""

    def on(storage: Path | str) -> tuple[float, float]:
        _warm(storage)
        workflow.init(storage=storage, workers="threads")
        try:
            return _timed(ask, calls)
        finally:
            workflow.shutdown()

    return {who: lambda storage=storage: on(storage) for who, storage in stores.items()}  # type: ignore[misc]


def _warm(storage: Path | str) -> None:
    """Read a store's files, so that not the disk is measured: peers ask stores that were just written."""
    if isinstance(storage, Path):
        folder = storage
    else:
        with psycopg.connect(plain(storage)) as connection:
            (said,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        folder = Path(said)
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass


def _of_workflows(stores: Stores, count: int, scale: Scale) -> list[Figure]:
    of = f"of {count:,} workflow{'s' if count > 1 else ''}"
    with bare_sqlite() as bare:
        _fill_bare(bare, count)
        row = {SQLITE: lambda: _timed(_bare_row(bare, count), 500)}
        page = {SQLITE: lambda: _timed(lambda: _some(_bare_page(bare)), 20)}
        one = alternate(scale, _asked(stores, scale, _one(count), 500) | row)
        listed = _medians(alternate(scale, _asked(stores, scale, _listed, 20) | page))
        searched = _medians(alternate(scale, _asked(stores, scale, _searched(count), 20) | page))
    counted = _medians(alternate(scale, _asked(stores, scale, _counted, 5)))
    peers = {
        case: alternate(scale, peer.durations(case, scale, count))
        for case in ("metadata", "listing", "search")
    }
    return [
        _figure(f"get_metadata(id) {of}", _medians(one) | peers["metadata"], Bar(0.25), floor=SQLITE),
        _figure(
            f"get_metadata(id) {of}, slowest hundredth",
            {who: tuple([pair[1] for pair in pairs]) for who, pairs in one.items()},
        ),
        _figure(
            f"list_metadata, newest 50 {of}",
            listed | peers["listing"],
            note=f"ray.workflow lists all; {_BARE_PAGE}",
            floor=SQLITE,
        ),
        _figure(
            f"search by status and metadata, first page {of}",
            searched | peers["search"],
            Bar(30.0),
            note=f"DBOS is asked for a status; {_BARE_PAGE}",
            floor=SQLITE,
        ),
        _figure(f"counts by status {of}", counted, Bar(50.0)),
    ]


def _of_tasks(stores: Stores, scale: Scale) -> list[Figure]:
    page = _medians(alternate(scale, _asked(stores, scale, _task_page, 10)))
    profile = _medians(alternate(scale, _asked(stores, scale, _profiled, 1)))
    sizes = {who: (_bytes_per_task(storage),) for who, storage in stores.items()}
    return [
        _figure("first page of the tasks of a workflow with many", page, Bar(50.0)),
        _figure("profile of a workflow with many tasks", profile, Bar(5_000.0)),
        Figure("size on disk per task of many", "bytes", "lower", sizes, _everywhere(sizes, Bar(1_024.0))),
    ]


def _figure(
    name: str, seconds: Mapping[str, tuple[float, ...]], *own: Bar, note: str = "", floor: str = ""
) -> Figure:
    note = f"median call; {note}" if note else "median call"
    bars = *[bar for one in own for bar in _everywhere(seconds, one)], *peer.bars(seconds)
    return Figure(name, "ms", "lower", milliseconds(seconds), bars, note, floor)


def _everywhere(measured: Mapping[str, object], bar: Bar) -> tuple[Bar, ...]:
    """The bar, for each of heliograph's stores."""
    return tuple([replace(bar, who=who) for who in (HELIOGRAPH, ON_POSTGRESQL) if who in measured])


def _medians(timed: Mapping[str, tuple[tuple[float, float], ...]]) -> dict[str, tuple[float, ...]]:
    return {who: tuple([pair[0] for pair in pairs]) for who, pairs in timed.items()}


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
    """One table of what a page shows of a workflow, in the order of the key: nothing is joined or derived."""
    bare.execute(
        "CREATE TABLE workflows (number INTEGER PRIMARY KEY, workflow_id TEXT, name TEXT, status TEXT,"
        " user_metadata TEXT, start_time REAL, end_time REAL)"
    )
    rows = (
        (
            n,
            big_store.name(n),
            "load",
            big_store.status(n),
            json.dumps(big_store.metadata(n)),
            3.0 * n,
            3.0 * n + 1,
        )
        for n in range(count)
    )
    bare.execute("BEGIN")
    bare.executemany("INSERT INTO workflows VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    bare.execute("COMMIT")


def _bare_row(bare: sqlite3.Connection, count: int) -> Callable[[], None]:
    draw = random.Random(count)

    def ask() -> None:
        number = draw.randrange(count)
        _read_bare(bare.execute("SELECT * FROM workflows WHERE number = ?", (number,)).fetchone())

    return ask


def _bare_page(bare: sqlite3.Connection) -> list[dict[str, Any]]:
    found = bare.execute("SELECT * FROM workflows ORDER BY number DESC LIMIT 50").fetchall()
    return [_read_bare(row) for row in found]


def _read_bare(row: Sequence[Any]) -> dict[str, Any]:
    """A row as one would hand it out: by name, and its JSON read."""
    read = dict(zip(_SHOWN, row, strict=True))
    read["user_metadata"] = json.loads(read["user_metadata"])
    return read


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
    _some(workflow.profile(big_store.LARGE).path)


def _some(found: Any) -> None:
    if not found:
        raise AssertionError("nothing was found")


def _bytes_per_task(storage: Path | str) -> float:
    """All that is stored of the large workflow's tasks, indexes too, as if each had pages of its own."""
    if isinstance(storage, Path):
        opened: Any = sqlite3.connect(storage / "heliograph.db")
        named = "SELECT name FROM sqlite_master WHERE tbl_name = '{}'"
        size = f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({named})"
    else:
        opened, size = psycopg.connect(plain(storage)), "SELECT pg_total_relation_size('{}')"
    with closing(opened) as connection:

        def ask(query: str) -> Any:
            return connection.execute(query).fetchone()[0]

        key = ask(f"SELECT key FROM workflows WHERE workflow_id = '{big_store.LARGE}'")
        total = 0.0
        for table in ("tasks", "attempts", "stored_values", "dependencies"):
            mine = ask(f"SELECT count(*) FROM {table} WHERE workflow = {key}")
            total += float(ask(size.format(table))) * mine / ask(f"SELECT count(*) FROM {table}")
        return total / float(ask(f"SELECT count(*) FROM tasks WHERE workflow = {key}"))
