"""A large store, made in a minute: workflows that ran are multiplied in the database, with variations.

    python -m benchmarks.big_store FOLDER [--workflows 1000000] [--tasks 200000]

One million workflows of one task with three keys of metadata, and one workflow of 200,000 tasks: pairs of a
task and one that takes its output, each with an attempt of its own length, and a task that takes all outputs.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from heliograph import workflow

TEAMS = ("red", "orange", "yellow", "green", "blue", "indigo", "violet", "white", "grey", "black")
LARGE = "large"
"""Id of the workflow with many tasks."""


@workflow.task
def load(number: int) -> int:
    return number


@workflow.task
def train(number: int) -> int:
    return number + 1


@workflow.task
def collect(numbers: list[int]) -> int:
    return len(numbers)


def name(number: int) -> str:
    """The id of one of the many."""
    return f"run-{number:07}"


def metadata(number: int) -> dict[str, object]:
    """The metadata of one of the many."""
    return {"team": TEAMS[number % 10], "priority": number % 97, "ticket": f"T-{number}"}


def status(number: int) -> str:
    """How one of the many ended: a hundredth failed, a hundredth was cancelled."""
    return {0: "FAILED", 50: "CANCELED"}.get(number * 7919 // 10 % 100, "SUCCESSFUL")


def make(folder: Path, workflows: int, tasks: int) -> Path:
    """Make the store; returns its database."""
    workflow.init(storage=folder, workers="threads")
    workflow.run(load.bind(0), workflow_id=name(0), metadata=metadata(0))
    parts = [train.options(name=f"part-{n}").bind(load.options(name=f"load-{n}").bind(n)) for n in range(2)]
    workflow.run(collect.options(name="collect").bind(parts), workflow_id=LARGE, metadata={"team": "large"})
    workflow.shutdown()
    database = folder / "heliograph.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-500000")
        connection.execute("BEGIN")
        _multiply_tasks(connection, tasks // 2)
        _multiply_workflows(connection, workflows)
        _count(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


def _columns(connection: sqlite3.Connection, table: str, replaced: dict[str, str]) -> tuple[str, str]:
    """Names of a table's columns, and what they are copied from."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    return ", ".join(names), ", ".join(replaced.get(name, f"old.{name}") for name in names)


def _multiply_workflows(connection: sqlite3.Connection, count: int) -> None:
    first = connection.execute("SELECT key FROM workflows WHERE workflow_id = ?", [name(0)]).fetchone()[0]
    next_key = connection.execute("SELECT max(key) FROM workflows").fetchone()[0]
    connection.execute("CREATE TEMP TABLE more (number INTEGER PRIMARY KEY, id, status, metadata, at)")
    start = time.time() - count * 3.0
    connection.executemany(
        "INSERT INTO more VALUES (?, ?, ?, ?, ?)",
        ((n, name(n), status(n), json.dumps(metadata(n)), start + 3.0 * n) for n in range(1, count)),
    )
    key = f"{next_key} + more.number"
    times = {
        "created_time": "more.at",
        "start_time": "more.at",
        "end_time": "CASE WHEN more.status <> 'CANCELED' THEN more.at + 1 + more.number % 10 END",
    }
    copies = {
        "workflows": {
            "key": key,
            "workflow_id": "more.id",
            "status": "more.status",
            "user_metadata": "more.metadata",
            "progress": "'{\"' || more.status || '\": 1}'",
            **times,
        },
        "runs": {
            "workflow": key,
            "status": "more.status",
            **times,
            "cancel_time": "CASE WHEN more.status = 'CANCELED' THEN more.at + 1 END",
            "error_type": "CASE WHEN more.status = 'FAILED' THEN 'builtins.OSError' END",
            "error_message": "CASE WHEN more.status = 'FAILED' THEN 'broken' END",
            "error_task": "CASE WHEN more.status = 'FAILED' THEN 0 END",
        },
        "functions": {"workflow": key},
        "tasks": {"workflow": key, "status": "more.status"},
        "attempts": {"workflow": key, "status": "more.status"},
        "stored_values": {"workflow": key},
        "changes": {"workflow": key},
    }
    for table, replaced in copies.items():
        names, values = _columns(connection, table, replaced)
        column = "key" if table == "workflows" else "workflow"
        without = ""
        if table == "stored_values":
            without = " AND (old.role <> 'output' OR more.status = 'SUCCESSFUL')"
        connection.execute(f"CREATE TEMP TABLE old AS SELECT * FROM {table} WHERE {column} = {first}")
        connection.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM more CROSS JOIN old WHERE 1{without}"
        )
        connection.execute("DROP TABLE temp.old")
    connection.executemany(
        "INSERT INTO workflow_labels (workflow, path, place, text, number) VALUES (?, ?, 0, ?, ?)",
        (
            (
                next_key + n,
                path,
                value if isinstance(value, str) else None,
                value if isinstance(value, int) else None,
            )
            for n in range(1, count)
            for path, value in sorted(metadata(n).items())
        ),
    )


def _count(connection: sqlite3.Connection) -> None:
    """All of them ended, behind the back of who counts that."""
    connection.execute("DELETE FROM workflow_counts")
    counted = "SELECT 0, status, count(*) FROM workflows GROUP BY status"
    connection.execute(f"INSERT INTO workflow_counts (shard, status, workflows) {counted}")


def _multiply_tasks(connection: sqlite3.Connection, pairs: int) -> None:
    """The first pair of tasks is multiplied; the task that takes all outputs moves to the end."""
    key, run = connection.execute("SELECT key, run FROM workflows WHERE workflow_id = ?", [LARGE]).fetchone()
    found = connection.execute("SELECT task, task_id FROM tasks WHERE workflow = ?", [key]).fetchall()
    number = {task_id: task for task, task_id in found}
    last = 2 * pairs
    for table in ("tasks", "attempts", "stored_values", "dependencies"):
        connection.execute(
            f"UPDATE {table} SET task = {last} WHERE workflow = {key} AND task = {number['collect']}"
        )
    connection.execute("CREATE TEMP TABLE pairs (n INTEGER PRIMARY KEY, span REAL, at REAL)")
    begun = connection.execute("SELECT start_time FROM runs WHERE workflow = ?", [key]).fetchone()[0]
    connection.executemany(
        "INSERT INTO pairs VALUES (?, ?, ?)",
        ((n, 0.001 * (1 + n * 7919 % 40), begun + 0.002 * n) for n in range(2, pairs)),
    )
    for offset, (task_id, shift) in enumerate((("load-0", 0.0), ("part-0", 0.05))):
        at = f"pairs.at + {shift}"
        times = {
            **dict.fromkeys(("ready", "submitted"), at),
            **dict.fromkeys(("started", "loaded"), f"{at} + 0.001"),
            **dict.fromkeys(("finished", "serialised"), f"{at} + 0.001 + pairs.span"),
            "stored": f"{at} + 0.002 + pairs.span",
            "worker_id": "'thread-' || (pairs.n % 8)",
            "created": f"{begun}",
        }
        task = {"task": f"2 * pairs.n + {offset}"}
        named = {"task_id": f"'{task_id.split('-')[0]}-' || pairs.n"}
        for table, replaced in (("tasks", task | named), ("attempts", task | times), ("stored_values", task)):
            names, values = _columns(connection, table, replaced)
            connection.execute(  # apart, as the table grows meanwhile
                f"CREATE TEMP TABLE old AS SELECT * FROM {table}"
                f" WHERE workflow = {key} AND task = {number[task_id]}"
            )
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM pairs CROSS JOIN old")
            connection.execute("DROP TABLE temp.old")
    connection.execute(f"INSERT INTO dependencies SELECT {key}, 2 * n + 1, 0, 2 * n FROM pairs")
    connection.execute(f"INSERT INTO dependencies SELECT {key}, {last}, n, 2 * n + 1 FROM pairs")
    total = connection.execute("SELECT count(*) FROM tasks WHERE workflow = ?", [key]).fetchone()[0]
    connection.execute(
        "UPDATE workflows SET output_task = ?, progress = ? WHERE key = ?",
        [last, json.dumps({"SUCCESSFUL": total}), key],
    )
    connection.execute(
        "UPDATE runs SET end_time = (SELECT max(stored) FROM attempts WHERE workflow = runs.workflow)"
        " WHERE workflow = ? AND run = ?",
        [key, run],
    )
    connection.execute(
        "UPDATE attempts SET ready = r.t, submitted = r.t, started = r.t, loaded = r.t,"
        " finished = r.t + 0.01, serialised = r.t + 0.01, stored = r.t + 0.011"
        " FROM (SELECT end_time AS t FROM runs WHERE workflow = ?) r WHERE workflow = ? AND task = ?",
        [key, key, last],
    )
    connection.execute(
        "UPDATE runs SET end_time = (SELECT max(stored) FROM attempts WHERE workflow = runs.workflow)"
        " WHERE workflow = ? AND run = ?",
        [key, run],
    )
    connection.execute(
        "UPDATE workflows SET end_time = (SELECT end_time FROM runs WHERE workflow = ?) WHERE key = ?",
        [key, key],
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_store", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workflows", type=int, default=1_000_000)
    parser.add_argument("--tasks", type=int, default=200_000)
    given = parser.parse_args(argv)
    begun = time.monotonic()
    database = make(given.folder, given.workflows, given.tasks)
    print(f"{database}: {database.stat().st_size / 1e9:.2f} GB, in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
