"""`python -m tests.cluster.checker URL LOG`: what tables and the log of side effects say about a cluster.

It uses nothing of heliograph's but the tables. For each problem it prints a line, and ends with 1.
"""

from __future__ import annotations

import pickle
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row


def problems(connection: psycopg.Connection[Any], log: Path) -> Iterator[str]:
    """Everything that must not be."""

    def ask(sql: str) -> list[Any]:
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(sql).fetchall()

    for row in ask("SELECT workflow_id, status FROM workflows WHERE status <> 'SUCCESSFUL'"):
        yield f"workflow {row.workflow_id} is {row.status}"
    yield from _executions(ask, log)
    yield from _attempts(ask)
    yield from _fences(ask)


def _executions(ask: Any, log: Path) -> Iterator[str]:
    """What is stored of a task is what one execution gave, and those behind it were given that."""
    made: defaultdict[str, list[str]] = defaultdict(list)
    given: dict[str, list[str]] = {}
    for line in log.read_text().splitlines():
        name, execution, *inputs = line.split(" ")
        made[name].append(execution)
        given[execution] = [one for one in inputs if one]
    stored: dict[str, str] = {}
    for row in ask(
        "SELECT w.workflow_id, t.task_id, v.data FROM stored_values v"
        " JOIN workflows w ON w.key = v.workflow JOIN tasks t ON t.workflow = v.workflow AND t.task = v.task"
        " WHERE v.role = 'output'"
    ):
        stored[f"{row.workflow_id}/{row.task_id}"] = pickle.loads(row.data)
    needs: defaultdict[str, list[str]] = defaultdict(list)
    for row in ask(
        "SELECT w.workflow_id, t.task_id, u.task_id AS needed FROM dependencies d"
        " JOIN workflows w ON w.key = d.workflow JOIN tasks t ON t.workflow = d.workflow AND t.task = d.task"
        " JOIN tasks u ON u.workflow = d.workflow AND u.task = d.upstream"
    ):
        needs[f"{row.workflow_id}/{row.task_id}"].append(f"{row.workflow_id}/{row.needed}")
    tasks = {
        f"{row.workflow_id}/{row.task_id}"
        for row in ask("SELECT w.workflow_id, t.task_id FROM tasks t JOIN workflows w ON w.key = t.workflow")
    }
    for name in sorted(tasks - set(stored)):
        yield f"task {name} has no output"
    for name, execution in stored.items():
        if made[name].count(execution) != 1:
            yield f"task {name} has the output of {execution}, which ran {made[name].count(execution)} times"
    for name, executions in made.items():
        expected = sorted(stored.get(needed, "") for needed in needs[name])
        for execution in executions:
            if sorted(given[execution]) != expected:
                yield f"{execution} of task {name} was given other outputs than those that are stored"


def _attempts(ask: Any) -> Iterator[str]:
    """Each task has one attempt that was stored as successful, and its workflow has all runs closed."""
    for row in ask(
        "SELECT t.workflow, t.task, count(a.attempt) AS attempts FROM tasks t LEFT JOIN attempts a"
        " ON a.workflow = t.workflow AND a.task = t.task AND a.status = 'SUCCESSFUL'"
        " GROUP BY t.workflow, t.task HAVING count(a.attempt) <> 1"
    ):
        yield f"task {row.workflow}/{row.task} has {row.attempts} successful attempts"
    for row in ask("SELECT workflow, task, attempt FROM attempts WHERE status = 'RUNNING'"):
        yield f"attempt {row.workflow}/{row.task}/{row.attempt} never ended"
    for row in ask(
        "SELECT r.workflow, r.run, r.status FROM runs r JOIN workflows w ON w.key = r.workflow"
        " WHERE (r.run = w.run) <> (r.status = 'SUCCESSFUL')"
    ):
        yield f"run {row.workflow}/{row.run} is {row.status}"


def _fences(ask: Any) -> Iterator[str]:
    """Once a run was begun, nothing more is of the runs before it: changes are numbered in order."""
    runs: defaultdict[int, list[int]] = defaultdict(list)
    for row in ask("SELECT workflow, number, run FROM changes ORDER BY workflow, number"):
        runs[row.workflow].append(row.run)
    for key, seen in runs.items():
        if seen != sorted(seen):
            yield f"workflow {key} has changes of a run behind those of a later one: {seen}"
    for row in ask(
        "SELECT a.workflow, a.task, a.attempt FROM attempts a JOIN runs r"
        " ON r.workflow = a.workflow AND r.run = a.run JOIN owners o ON o.owner_id = r.owner"
        " WHERE a.pid IS NOT NULL AND a.pid <> o.pid"
    ):
        yield f"attempt {row.workflow}/{row.task}/{row.attempt} is of another engine than its run"


def told(connection: psycopg.Connection[Any], log: Path) -> str:
    """What there was to check, in a line."""
    counts = Counter(line.split(" ")[0] for line in log.read_text().splitlines())
    row = connection.execute(
        "SELECT (SELECT count(*) FROM workflows), (SELECT count(*) FROM tasks),"
        " (SELECT count(*) FROM runs), (SELECT count(*) FROM runs WHERE reason = 'recovered'),"
        " (SELECT count(*) FROM attempts WHERE status = 'LOST')"
    ).fetchone()
    assert row is not None
    workflows, tasks, runs, recovered, lost = row
    again = sum(counts.values()) - len(counts)
    return (
        f"{workflows} workflows, {tasks} tasks, {runs} runs ({recovered} taken over), "
        f"{sum(counts.values())} executions ({again} of them again), {lost} attempts lost"
    )


def main(url: str, log: str) -> int:
    with psycopg.connect(url) as connection:
        print(told(connection, Path(log)))
        found = list(problems(connection, Path(log)))
    print("\n".join(found) if found else "no problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
