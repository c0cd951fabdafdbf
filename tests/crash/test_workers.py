"""A worker process that is killed, and programs that are told to end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from heliograph import workflow
from tests import scripts
from tests.conditions import is_gone, until
from tests.crash import dag
from tests.gates import Gate, Ledger
from tests.invariants import check_store
from tests.tasks import note


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "storage"
    yield folder
    workflow.shutdown()
    check_store(folder / "heliograph.db")


@workflow.task
def wait_the_first_time(gate: Gate, ledger: Ledger) -> int:
    if (now := ledger.note("try")) == 1:
        gate.wait()
    return now


def test_a_worker_killed_in_a_task(storage: Path, gate: Gate, ledger: Ledger) -> None:
    workflow.init(storage=storage)
    killed = wait_the_first_time.options(name="killed").bind(gate, ledger)
    output = workflow.run_async(note.bind(ledger, "after", killed), workflow_id="mine")
    worker = gate.until_waiting()
    os.kill(worker, signal.SIGKILL)
    assert output.result(60) == "after"
    first, second = workflow.get_metadata("mine", "killed")["attempts"]
    assert (first["status"], second["status"]) == ("FAILED", "SUCCESSFUL")
    assert first["worker"]["pid"] == worker != second["worker"]["pid"]
    assert first["resources"]["signal"] == signal.SIGKILL == 9
    assert first["error"]["type"] == "heliograph.errors.WorkerDiedError"
    assert "SIGKILL" in first["error"]["message"]
    assert "'killed'" in first["error"]["message"]
    assert workflow.get_output("mine", task_id="killed") == 2


@pytest.mark.parametrize("round_", range(3))
def test_workers_killed_at_random(storage: Path, ledger: Ledger, round_: int) -> None:
    """All of them, again and again: each output is right all the same."""
    draw = random.Random(round_)
    others = set(psutil.Process().children())  # servers that other tests started, kept for all
    workflow.init(storage=storage)
    output = workflow.run_async(dag.build(ledger), workflow_id="mine")
    begun = 0
    for _ in range(8):
        begun += draw.randint(5, 20)
        until(lambda begun=begun: len(set(ledger.lines())) >= begun)
        for worker in set(psutil.Process().children()) - others:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself, since it was seen
                worker.kill()
    assert output.result(60) == dag.expected()[-1]
    outputs = [workflow.get_output("mine", task_id=f"{number}") for number in (0, 50, 100, 150, 199)]
    assert outputs == [dag.expected()[number] for number in (0, 50, 100, 150, 199)]
    assert workflow.get_metadata("mine")["progress"]["by_status"] == {"SUCCESSFUL": dag.COUNT}


PROGRAM = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.tasks import note, wait
from tests.crash import dag
from tests.gates import Gate, Ledger
gate, ledger = Gate(Path(sys.argv[1])), Ledger(Path(sys.argv[2]))
early = note.options(name="early").bind(ledger, "early")
held = [wait.bind(gate, f"held {number}", early) for number in range(2)]
"""
WAIT = PROGRAM + 'workflow.run(note.bind(ledger, "late", held), workflow_id="mine")'
CATCH = (
    PROGRAM
    + """
try:
    workflow.run(note.bind(ledger, "late", held), workflow_id="mine")
except KeyboardInterrupt:
    print("interrupted")
"""
)
EXIT_ON_TERM = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n" + WAIT


@pytest.mark.parametrize(
    ("program", "number", "code", "printed", "tracebacks"),
    [
        (WAIT, signal.SIGTERM, -signal.SIGTERM, "", 0),
        (EXIT_ON_TERM, signal.SIGTERM, 0, "", 0),
        (WAIT, signal.SIGINT, -signal.SIGINT, "", 1),
        (CATCH, signal.SIGINT, 0, "interrupted\n", 0),
        (WAIT, signal.SIGHUP, -signal.SIGHUP, "", 0),
        (WAIT, signal.SIGKILL, -signal.SIGKILL, "", 0),
    ],
    ids=["SIGTERM", "SIGTERM handled", "Ctrl-C", "Ctrl-C handled", "SIGHUP", "SIGKILL"],
)
def test_a_program_that_is_told_to_end(
    storage: Path,
    gate: Gate,
    ledger: Ledger,
    program: str,
    number: signal.Signals,
    code: int,
    printed: str,
    tracebacks: int,
) -> None:
    process = scripts.start_anew(program, storage, gate.folder, ledger.path)
    workers = [gate.until_waiting(f"held {worker}", process) for worker in range(2)]
    process.send_signal(number)
    said, errors = process.communicate(timeout=60)
    assert (said, process.returncode) == (printed, code), errors
    assert errors.count("Traceback") == tracebacks, errors
    assert errors.count("KeyboardInterrupt") == tracebacks, errors
    until(lambda: all(is_gone(worker) for worker in workers))

    workflow.init(storage=storage)
    assert workflow.get_status("mine") == "RESUMABLE"
    gate.open()
    assert workflow.resume("mine") == "late"
    assert ledger.counts() == {"early": 1, "late": 1}
    assert [run["status"] for run in workflow.get_history("mine")] == ["RESUMABLE", "SUCCESSFUL"]


def test_ctrl_c_of_a_terminal_reaches_the_program_only(storage: Path, gate: Gate, ledger: Ledger) -> None:
    """The terminal sends it to the whole process group."""
    process = subprocess.Popen(
        [sys.executable, "-c", CATCH, str(gate.folder), str(ledger.path)],
        env=scripts.environment(storage),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [gate.until_waiting(f"held {worker}", process) for worker in range(2)]
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60) == ("interrupted\n", "")
    until(lambda: all(is_gone(worker) for worker in workers))
    workflow.init(storage=storage)
    assert workflow.get_status("mine") == "RESUMABLE"
