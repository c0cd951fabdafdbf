"""SIGKILL at 50 random moments of the process that runs a DAG of 200 tasks; another one goes on with it."""

from __future__ import annotations

import json
import pickle
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from heliograph import workflow
from tests import forked, scripts
from tests.conditions import until
from tests.crash import dag
from tests.gates import Ledger
from tests.invariants import check_store, connect

KILLS = 10
SEEDS = range(5)  # times KILLS makes 50


@dataclass
class Seen:
    """What the tables say, read by this and not by heliograph."""

    run: int = 0
    status: str = ""
    outputs: dict[int, int] = field(default_factory=dict)


def look(database: Path) -> Seen | None:
    """None: the workflow is not stored yet."""
    if not database.exists():
        return None
    with closing(connect(database)) as connection:
        connection.execute("BEGIN")
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'workflows'").fetchone():
            return None
        row = connection.execute("SELECT * FROM workflows WHERE workflow_id = 'mine'").fetchone()
        if row is None:
            return None
        found = connection.execute(
            "SELECT CAST(tasks.task_id AS INTEGER) AS number, data FROM stored_values JOIN tasks"
            " USING (workflow, task) WHERE role = 'output' AND workflow = ?",
            [row["key"]],
        )
        return Seen(row["run"], row["status"], {item["number"]: pickle.loads(item["data"]) for item in found})


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "storage"
    workflow.shutdown()


PROGRAM = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.crash import dag
from tests.gates import Ledger
print(workflow.run(dag.build(Ledger(Path(sys.argv[1]))), workflow_id="mine"))
"""


def start(storage: Path, ledger: Ledger) -> forked.Program:
    return scripts.start(PROGRAM, storage, ledger.path)


def kill_at_some_moment(process: forked.Program, ledger: Ledger, draw: random.Random, turn: int) -> None:
    """When some tasks more have begun, and a little later; or at any moment of its start."""
    begun = len(set(ledger.lines()))
    most = (dag.COUNT - 20 - begun) // (KILLS - turn)  # so that there is something left for the last kill
    if turn == 0 or draw.random() < 0.2:
        most, wanted = max(most, 1), 10 * most
        late = time.monotonic() + draw.uniform(0.0, 0.5)
    else:
        wanted = draw.randint(1, max(most, 1))
        late = float("inf")
    enough = min(begun + min(wanted, most), dag.COUNT)
    until(lambda: len(set(ledger.lines())) >= enough or time.monotonic() > late)
    threading.Event().wait(draw.uniform(0.0, 0.015))
    assert process.poll() is None, f"it ended before it was killed: {process.communicate()}"
    process.kill()
    process.communicate()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_stored_task_runs_twice_and_each_output_is_right(storage: Path, tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    draw = random.Random(seed)
    ledger, database = Ledger(tmp_path / "ledger"), storage / "heliograph.db"
    before, begun_before, moments = Seen(), 0, []
    dag.held(ledger).touch()
    for turn in range(KILLS):
        kill_at_some_moment(start(storage, ledger), ledger, draw, turn)
        seen = look(database)
        moments.append(None if seen is None else len(seen.outputs))
        if seen is None:
            assert before.run == 0
            continue
        again = {int(line) for line in ledger.lines()[begun_before:]} & set(before.outputs)
        assert not again, f"stored, and run again: {again}"
        assert seen.outputs.items() >= before.outputs.items()  # what was stored is there, and as it was
        assert seen.status == "RUNNING"
        assert before.run <= seen.run <= before.run + 1
        check_store(database)
        see_resumable(storage, seen.run)
        before, begun_before = seen, len(ledger.lines())
    print(f"outputs stored at each kill: {moments}")

    dag.held(ledger).unlink()
    printed, errors = start(storage, ledger).communicate(timeout=100)
    assert (printed, errors) == (f"{dag.expected()[-1]}\n", "")
    again = {int(line) for line in ledger.lines()[begun_before:]} & set(before.outputs)
    assert not again, f"stored, and run again: {again}"
    see_the_end(storage, before.run + 1)


def see_resumable(storage: Path, run: int) -> None:
    workflow.init(storage=storage)
    assert workflow.get_status("mine") == "RESUMABLE"
    assert workflow.list_all() == workflow.list_all("RESUMABLE") == [("mine", "RESUMABLE")]
    assert [record["run"] for record in workflow.get_history("mine")] == list(range(1, run + 1))
    workflow.shutdown()


def see_the_end(storage: Path, runs: int) -> None:
    """All outputs, all runs and all attempts, as they must be."""
    database = storage / "heliograph.db"
    check_store(database)
    seen = look(database)
    assert seen is not None
    assert (seen.status, seen.run) == ("SUCCESSFUL", runs)
    assert seen.outputs == dict(enumerate(dag.expected()))
    with closing(connect(database)) as connection:
        attempts = connection.execute("SELECT task, run, status FROM attempts").fetchall()
        progress = json.loads(connection.execute("SELECT progress FROM workflows").fetchone()[0])
    assert progress == {"SUCCESSFUL": dag.COUNT}
    succeeded = Counter(attempt["task"] for attempt in attempts if attempt["status"] == "SUCCESSFUL")
    assert succeeded == dict.fromkeys(range(dag.COUNT), 1)
    others = [attempt for attempt in attempts if attempt["status"] != "SUCCESSFUL"]
    assert {attempt["status"] for attempt in others} <= {"LOST"}
    assert all(attempt["run"] < runs for attempt in others)

    workflow.init(storage=storage)
    history = workflow.get_history("mine")
    assert [run["status"] for run in history] == [*["RESUMABLE"] * (runs - 1), "SUCCESSFUL"]
    assert [run["reason"] for run in history] == ["start", *["resume"] * (runs - 1)]
    assert len({run["owner"]["pid"] for run in history}) == runs
    reused = [run["reused"] for run in history]
    assert reused == sorted(reused)
    assert workflow.get_output("mine") == dag.expected()[-1]
