"""The floors: the least that could do the same work."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context
from typing import Any, Final, Literal

import psycopg

from benchmarks.disk import fresh_folder
from tests.postgresql import plain, server

Workers = Literal["threads", "processes"]
Database = Literal["bare SQLite", "bare PostgreSQL"]

THREADS: Final = "bare thread pool"
PROCESSES: Final = "bare process pool"
POOL: Final[dict[Workers, str]] = {"threads": THREADS, "processes": PROCESSES}
SQLITE: Final[Database] = "bare SQLite"
POSTGRESQL: Final[Database] = "bare PostgreSQL"
FDATASYNC: Final = "bare fdatasync"
_ROW: Final = "a small row"


def plus_one(number: int) -> int:
    return number + 1


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


@contextmanager
def fresh_postgresql() -> Iterator[str]:
    """The URL of an empty database on a server of this benchmark's own; it is dropped afterwards."""
    with fresh_folder() as folder:
        url = plain(server().database(folder, empty=True))
        try:
            yield url
        finally:
            server().drop(url)


@contextmanager
def _bare_rows(database: Database) -> Iterator[Callable[[int], object]]:
    """Makes a small row last, in a fresh database that nobody else uses."""
    if database == SQLITE:
        with bare_sqlite() as connection:
            yield lambda number: connection.execute("INSERT INTO rows VALUES (?, ?)", (number, _ROW))
    else:
        with fresh_postgresql() as url, psycopg.connect(url, autocommit=True) as client:
            client.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
            yield lambda number: client.execute("INSERT INTO rows VALUES (%s, %s)", (number, _ROW))


def row_commits(database: Database, count: int) -> float:
    """Commits a second, one small row in each, by one client."""
    with _bare_rows(database) as write:
        start = time.perf_counter()
        for number in range(count):
            write(number)
        return count / (time.perf_counter() - start)


def pool_on(workers: Workers, database: Database) -> str:
    """What a bare pool beside a bare database is called."""
    return f"{POOL[workers]}, and {database}"


def pool_chain(workers: Workers, database: Database, count: int) -> float:
    """Links of a chain a second: a task of a bare pool, a commit of one small row, the next task."""
    with bare_pool(workers) as pool, _bare_rows(database) as write:
        start = time.perf_counter()
        for number in range(count):
            pool.submit(plus_one, number).result()
            write(number)
        return count / (time.perf_counter() - start)


def pool_at_once(workers: Workers, database: Database, count: int) -> float:
    """Tasks a second, each one small row before a bare pool gets it, and the ends of all one more."""
    with bare_pool(workers) as pool, _bare_rows(database) as write:
        start = time.perf_counter()
        futures = []
        for number in range(count):
            write(number)
            futures.append(pool.submit(plus_one, number))
        for future in futures:
            future.result()
        write(count)
        return count / (time.perf_counter() - start)


def fdatasyncs(count: int) -> float:
    """Small writes to the end of a file a second, each forced to the disk."""
    with fresh_folder() as folder, (folder / "log").open("wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(count):
            file.write(_ROW.encode())
            os.fdatasync(file.fileno())
        return count / (time.perf_counter() - start)


def commits(count: int) -> dict[str, Any]:
    """Every way to make so many small things last, one after the other."""
    return {
        SQLITE: lambda: row_commits(SQLITE, count),
        POSTGRESQL: lambda: row_commits(POSTGRESQL, count),
        FDATASYNC: lambda: fdatasyncs(count),
    }
