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
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import psycopg

from benchmarks import big_store, moving
from benchmarks.disk import fresh_folder
from benchmarks.floors import POSTGRESQL, SQLITE, bare_sqlite, fresh_postgresql
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
_BARE_PAGE: Final = "floors: 50 rows of one table, as dicts, their JSON read"
_FLOORS: Final = {HELIOGRAPH: SQLITE, ON_POSTGRESQL: POSTGRESQL}
_COLUMNS: Final = (
    "number INTEGER PRIMARY KEY, workflow_id TEXT, name TEXT, status TEXT, user_metadata TEXT,"
    " start_time DOUBLE PRECISION, end_time DOUBLE PRECISION"
)
_ROW_QUERY: Final = "SELECT * FROM workflows WHERE number = {}"
_PAGE_QUERY: Final = "SELECT * FROM workflows ORDER BY number DESC LIMIT 50"

Stores = Mapping[str, Path | str]
Contenders = dict[str, Callable[[], tuple[float, float]]]
Bare = Callable[[str, Sequence[int]], list[tuple[Any, ...]]]
"""Asks a bare database: a query with ``{}`` for each value, and these."""


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
    with _bare_tables(count) as bare:
        row = {who: partial(_timed, _bare_row(ask, count), 500) for who, ask in bare.items()}
        page = {who: partial(_timed, _bare_page(ask), 20) for who, ask in bare.items()}
        one = alternate(scale, _asked(stores, scale, _one(count), 500) | row)
        listed = _medians(alternate(scale, _asked(stores, scale, _listed, 20) | page))
        searched = _medians(alternate(scale, _asked(stores, scale, _searched(count), 20) | page))
    counted = _medians(alternate(scale, _asked(stores, scale, _counted, 5)))
    peers = {
        case: alternate(scale, peer.durations(case, scale, count))
        for case in ("metadata", "listing", "search")
    }
    return [
        _figure(f"get_metadata(id) {of}", _medians(one) | peers["metadata"], Bar(0.25), floors=_FLOORS),
        _figure(
            f"get_metadata(id) {of}, slowest hundredth",
            {who: tuple([pair[1] for pair in pairs]) for who, pairs in one.items()},
        ),
        _figure(
            f"list_metadata, newest 50 {of}",
            listed | peers["listing"],
            note=f"ray.workflow lists all; {_BARE_PAGE}",
            floors=_FLOORS,
        ),
        _figure(
            f"search by status and metadata, first page {of}",
            searched | peers["search"],
            Bar(30.0),
            note=f"DBOS is asked for a status; {_BARE_PAGE}",
            floors=_FLOORS,
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
    name: str,
    seconds: Mapping[str, tuple[float, ...]],
    *own: Bar,
    note: str = "",
    floors: Mapping[str, str] | None = None,
) -> Figure:
    note = f"median call; {note}" if note else "median call"
    bars = *[bar for one in own for bar in _everywhere(seconds, one)], *peer.bars(seconds)
    return Figure(name, "ms", "lower", milliseconds(seconds), bars, note, floors or {})


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


@contextmanager
def _bare_tables(count: int) -> Iterator[Mapping[str, Bare]]:
    """One table of what a page shows of a workflow, in the order of the key: nothing is joined or derived."""
    with bare_sqlite() as lite, fresh_postgresql() as url, psycopg.connect(url, autocommit=True) as client:
        for database in lite, client:
            database.execute(f"CREATE TABLE workflows ({_COLUMNS})")
        lite.execute("BEGIN")
        lite.executemany("INSERT INTO workflows VALUES (?, ?, ?, ?, ?, ?, ?)", _bare_rows(count))
        lite.execute("COMMIT")
        with client.cursor().copy("COPY workflows FROM STDIN") as copy:
            for row in _bare_rows(count):
                copy.write_row(row)
        client.execute("ANALYZE workflows")
        yield {
            SQLITE: lambda query, values: lite.execute(query.format("?"), values).fetchall(),
            POSTGRESQL: lambda query, values: client.execute(
                query.format("%s"), values, prepare=True
            ).fetchall(),
        }


def _bare_rows(count: int) -> Iterator[tuple[Any, ...]]:
    for n in range(count):
        told = json.dumps(big_store.metadata(n))
        yield n, big_store.name(n), "load", big_store.status(n), told, 3.0 * n, 3.0 * n + 1


def _bare_row(ask: Bare, count: int) -> Callable[[], None]:
    draw = random.Random(count)
    return lambda: _some([_read_bare(row) for row in ask(_ROW_QUERY, [draw.randrange(count)])])


def _bare_page(ask: Bare) -> Callable[[], None]:
    return lambda: _some([_read_bare(row) for row in ask(_PAGE_QUERY, [])])


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
