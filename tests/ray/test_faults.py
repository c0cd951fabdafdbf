"""Real faults: a worker, the coordinator, the driver, a node, the whole cluster. Nothing stored is lost or run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from heliograph.engines.opening import opened  # noqa: E402
from tests import scripts  # noqa: E402
from tests.conditions import DEADLINE, is_gone, until  # noqa: E402
from tests.gates import Gate, Ledger  # noqa: E402


@ray.remote
def note(ledger: Ledger, line: str, *_after: Any) -> str:
    ledger.note(line)
    return line


@ray.remote
def hold(gate: Gate, name: str, *_after: Any) -> str:
    gate.wait(name)
    return name


def held(gate: Gate, ledger: Ledger, **options: Any) -> Any:
    """A task that is stored, one that waits at the gate, and one after it."""
    early = note.options(**workflow.options(name="early")).bind(ledger, "early")
    middle = hold.options(**workflow.options(name="held"), **options).bind(gate, "held", early)
    return note.options(**workflow.options(name="late")).bind(ledger, "late", middle)


def coordinator() -> int:
    """The process id of the coordinator."""
    return opened().ray.memory()[0]


def test_a_worker_killed_in_the_middle_of_a_task(storage: Path, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(held(gate, ledger), workflow_id="mine")
    worker = gate.until_waiting("held")
    gate.open()  # the next attempt is not to wait
    os.kill(worker, signal.SIGKILL)
    assert ray.get(output, timeout=DEADLINE) == "late"
    assert ledger.counts() == {"early": 1, "late": 1}
    attempts = workflow.get_metadata("mine", "held")["attempts"]
    if len(attempts) == 1:
        pytest.skip("the gate opened before the kill came: the attempt had ended")
    died, again = attempts
    assert (died["status"], died["error"]["type"]) == ("FAILED", "heliograph.errors.WorkerDiedError")
    assert (again["status"], again["worker"]["pid"] != worker) == ("SUCCESSFUL", True)


def test_a_worker_that_may_not_die_fails_the_workflow(storage: Path, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(held(gate, ledger, max_retries=0), workflow_id="mine")
    os.kill(gate.until_waiting("held"), signal.SIGKILL)
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        opened().ray.value(output)
    assert isinstance(raised.value.__cause__, workflow.WorkerDiedError)
    assert isinstance(raised.value, ray.exceptions.RaySystemError)


def test_a_killed_coordinator_comes_back_and_goes_on(storage: Path, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(held(gate, ledger), workflow_id="mine")
    free = hold.options(num_cpus=0)
    others = [workflow.run_async(free.bind(gate, f"other {number}")) for number in range(3)]
    worker, before = gate.until_waiting("held"), coordinator()
    os.kill(before, signal.SIGKILL)
    until(lambda: is_gone(worker))  # Ray ends what a dead owner has left running
    gate.open()
    assert ray.get(output, timeout=DEADLINE) == "late"
    assert ray.get(others, timeout=DEADLINE) == [f"other {number}" for number in range(3)]
    assert ledger.counts() == {"early": 1, "late": 1}
    first, second = workflow.get_history("mine")
    assert (first["status"], second["status"]) == ("RESUMABLE", "SUCCESSFUL")
    assert (second["reason"], second["reused"]) == ("recovered", 1)
    assert first["owner"]["pid"] == before
    assert second["owner"]["pid"] == coordinator() != before


PROGRAM = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.gates import Gate, Ledger
from tests.ray.test_faults import held
workflow.run_async(held(Gate(Path(sys.argv[1])), Ledger(Path(sys.argv[2]))), workflow_id="mine")
workflow.get_output("mine")
"""


def test_a_killed_driver_is_not_missed(storage: Path, gate: Gate, ledger: Ledger) -> None:
    with scripts.start(PROGRAM, storage, gate.folder, ledger.path) as driver:
        gate.until_waiting("held", driver)
        driver.kill()
        driver.communicate()
    assert workflow.get_status("mine") == "RUNNING"
    gate.open()
    assert workflow.get_output("mine") == "late"
    assert ledger.counts() == {"early": 1, "late": 1}
    (run,) = workflow.get_history("mine")
    assert run["owner"]["engine"] == "ray"


def program(name: str, storage: Path, gate: Gate, ledger: Ledger) -> subprocess.CompletedProcess[str]:
    """Run one of `tests.ray.clusters_that_fail`: it has a cluster of its own."""
    environment = scripts.environment(storage)
    environment.pop("RAY_ADDRESS", None)
    return subprocess.run(
        [sys.executable, "-m", "tests.ray.clusters_that_fail", name, str(gate.folder), str(ledger.path)],
        env=environment,
        cwd=scripts.ROOT,
        capture_output=True,
        text=True,
        timeout=170,
    )


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["remove_a_node", "lose_an_output", "kill_everything"])
def test_a_cluster(storage: Path, gate: Gate, ledger: Ledger, name: str) -> None:
    ended = program(name, storage, gate, ledger)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert ended.stdout.endswith("well\n")
