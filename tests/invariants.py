"""What must hold of a store at every moment, read from its tables by nobody's code but this."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests import postgresql

TABLES = (
    "runs",
    "functions",
    "tasks",
    "dependencies",
    "attempts",
    "stored_values",
    "http_events",
    "http_listeners",
)
ACTIVE = {"PENDING", "RUNNING"}


def connect(path: Path | str) -> Any:
    """A connection to the database: a file, or the URL of a storage on PostgreSQL.

    Rows of either know their columns by name and by place.
    """
    if isinstance(path, str) and path.startswith("postgresql:"):
        return postgresql.connect(path)
    connection = sqlite3.connect(path, timeout=60)
    connection.row_factory = sqlite3.Row
    return connection


def check_store(path: Path | str) -> None:
    """Raise if anything in the database contradicts anything else."""
    with closing(connect(path)) as connection:
        is_sqlite = isinstance(connection, sqlite3.Connection)
        if is_sqlite:
            connection.execute("BEGIN")  # one moment for all statements
        problems = list(_problems(connection))
        if is_sqlite:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert not problems, "\n".join(problems)


def _problems(connection: Any) -> Iterator[str]:
    of: dict[str, dict[int, list[Any]]] = {}
    for table in TABLES:
        of[table] = defaultdict(list)
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3"):
            of[table][row["workflow"]].append(row)
    workflows = {row["key"]: row for row in connection.execute("SELECT * FROM workflows")}
    yield from _count_problems(connection, Counter(row["status"] for row in workflows.values()))
    for table, rows in of.items():
        if left := set(rows) - set(workflows):
            yield f"{table} has rows of workflows that are gone: {left}"
    for key, row in workflows.items():
        here = {table: rows[key] for table, rows in of.items()}
        for problem in _problems_of(row, here):
            yield f"workflow {row['workflow_id']!r}: {problem}"


def _count_problems(connection: Any, statuses: Counter[str]) -> Iterator[str]:
    kept: Counter[str] = Counter()
    for row in connection.execute("SELECT status, workflows FROM workflow_counts"):
        kept[row["status"]] += int(row["workflows"])
    ended = {status: count for status, count in statuses.items() if status not in ACTIVE}
    if {status: count for status, count in kept.items() if count} != ended:
        yield f"the counts that are kept say {dict(kept)}, the workflows that ended {ended}"


def _problems_of(workflow: Any, of: dict[str, list[Any]]) -> Iterator[str]:
    runs, tasks, attempts = of["runs"], of["tasks"], of["attempts"]
    progress, counted = json.loads(workflow["progress"]), Counter(task["status"] for task in tasks)
    if progress != counted:
        yield f"progress says {progress}, the tasks say {dict(counted)}"
    if [run["run"] for run in runs] != list(range(1, workflow["run"] + 1)):
        yield f"it is at run {workflow['run']} and has the runs {[run['run'] for run in runs]}"
    for run in runs:
        is_newest = run["run"] == workflow["run"]
        if is_newest and run["status"] != workflow["status"]:
            yield f"it is {workflow['status']} and its newest run {run['status']}"
        if is_newest:
            for name in ("owner", "start_time", "end_time"):
                if run[name] != workflow[name]:
                    yield f"its {name} is {workflow[name]}, and its newest run's {run[name]}"
        if not is_newest and run["status"] in ACTIVE:
            yield f"run {run['run']} is {run['status']} and not the newest"
        if (run["end_time"] is not None) != (run["status"] in {"SUCCESSFUL", "FAILED"}):
            yield f"run {run['run']} is {run['status']} with end_time {run['end_time']}"
        if (run["cancel_time"] is not None) != (run["status"] == "CANCELED"):
            yield f"run {run['run']} is {run['status']} with cancel_time {run['cancel_time']}"
    for event in of["http_events"]:
        if (event["state"] == "CHECKPOINTED") != (event["payload"] is None):
            yield f"event {event['event']} is {event['state']} with payload {event['payload']!r}"
        if (event["state"] in {"KEPT", "SENT"}) != (event["task_id"] is None):
            yield f"event {event['event']} is {event['state']} and of task {event['task_id']!r}"
    yield from _task_problems(workflow, tasks, attempts, of["stored_values"])


def _task_problems(workflow: Any, tasks: list[Any], attempts: list[Any], values: list[Any]) -> Iterator[str]:
    status_of = {task["task"]: task["status"] for task in tasks}
    outputs = {value["task"] for value in values if value["role"] == "output"}
    arguments = {value["task"] for value in values if value["role"] == "arguments"}
    if arguments != set(status_of):
        yield f"tasks {set(status_of)} have arguments stored for {arguments}"
    for task in outputs:
        if status_of[task] != "SUCCESSFUL":
            yield f"task {task} has an output and is {status_of[task]}"
    numbers = defaultdict(list)
    for attempt in attempts:
        numbers[attempt["task"]].append(attempt["attempt"])
        if attempt["run"] > workflow["run"]:
            yield f"attempt {tuple(attempt)[:3]} is of run {attempt['run']}, not begun yet"
        is_live = workflow["status"] in ACTIVE and attempt["run"] == workflow["run"]
        if attempt["status"] == "RUNNING" and not is_live:
            yield f"attempt {tuple(attempt)[:3]} is RUNNING in a {workflow['status']} workflow"
        phases = [attempt[name] for name in ("submitted", "started", "loaded", "finished", "serialised")]
        reached = [phase for phase in phases if phase is not None]
        if reached != sorted(reached):
            yield f"attempt {tuple(attempt)[:3]} has phases out of order: {phases}"
    for task, found in numbers.items():
        if found != list(range(1, len(found) + 1)):
            yield f"task {task} has attempts {found}"
    for task in outputs:
        if not any(a["task"] == task and a["status"] in {"SUCCESSFUL", "FAILED"} for a in attempts):
            yield f"task {task} has an output and no attempt that made it"
