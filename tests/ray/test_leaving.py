"""A coordinator ends by itself, after the last of its drivers and of its workflows, and never before."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from heliograph.engines.ray.leaving import Guests  # noqa: E402
from heliograph.engines.ray.order import NAMESPACE  # noqa: E402
from tests import invariants, scripts  # noqa: E402
from tests.conditions import is_gone, until  # noqa: E402
from tests.gates import Gate  # noqa: E402

PROGRAM = """
import os, sys
from pathlib import Path
import ray
from heliograph import workflow
from heliograph.engines.opening import opened
from tests.gates import Gate
from tests.ray import hasty

hasty.install()
kind, gate = sys.argv[1], Gate(Path(sys.argv[2]))
environment = {name: os.environ[name] for name in ("HASTY_GATE",) if name in os.environ} | {"KIND": kind}
ray.init(logging_level="ERROR", log_to_driver=False, runtime_env={"env_vars": environment})

@ray.remote(num_cpus=0)
def hold(gate, name):
    gate.wait(name)
    return name

@ray.remote(num_cpus=0)
def give(value):
    return value

@ray.remote(num_cpus=0)
def put():
    return {"large": b"x" * 2_000_000, "reference": ray.put(b"inside")}

def pid():
    return opened().ray.memory()[0][0]
"""
"""What programs begin with; drivers of the same kind have the same coordinator."""

COMES_AND_GOES = "print(pid())"
RUNS_ONE = """
workflow.run_async(hold.bind(gate, "held"), workflow_id="mine")
print(pid())
"""
STAYS = """
output = workflow.run_async(put.bind())
first = pid()
gate.wait(str(first))
assert ray.get(ray.get(output)["reference"]) == b"inside"
assert workflow.run(give.bind(2)) == 2
print(first, pid())
"""


def run(code: str, storage: Path, kind: str, gate: Gate) -> int:
    """Run a driver to its end; the process of its coordinator."""
    return int(last_line(scripts.run(PROGRAM + code, storage, kind, gate.folder)))


def last_line(printed: str) -> str:
    """Without what Ray has said before of processes that were killed."""
    return printed.splitlines()[-1]


def come_and_go(storage: Path, kind: str, gate: Gate) -> None:
    """Returns once a driver has ended, and then its coordinator: it looked, as all others did meanwhile."""
    ended = run(COMES_AND_GOES, storage, kind, gate)
    until(lambda: is_gone(ended), what="the coordinator to end after its driver")


def coordinators() -> int:
    """How many there are, or will be again."""
    return sum(actor["namespace"] == NAMESPACE for actor in ray.util.list_named_actors(all_namespaces=True))


def test_it_ends_for_good_after_its_driver_and_gives_its_lease_up(storage: Path, gate: Gate) -> None:
    gate.open()
    ended = run(RUNS_ONE, storage, "one", gate)
    until(lambda: is_gone(ended))
    until(lambda: coordinators() == 0)
    with closing(invariants.connect(storage / "heliograph.db")) as database:
        (owner,) = database.execute("SELECT lease_until FROM owners")
    assert owner["lease_until"] == 0.0
    assert workflow.get_status("mine") == "SUCCESSFUL"
    come_and_go(storage, "one", gate)  # as does the next one in its place


def test_it_stays_for_a_workflow_whose_driver_has_ended(storage: Path, gate: Gate) -> None:
    needed = run(RUNS_ONE, storage, "one", gate)
    gate.until_waiting("held")
    come_and_go(storage, "another", gate)
    assert not is_gone(needed)
    gate.open()
    until(lambda: is_gone(needed))
    assert workflow.get_status("mine") == "SUCCESSFUL"
    assert [run["reason"] for run in workflow.get_history("mine")] == ["start"]


def test_it_stays_for_a_driver_and_what_that_holds(storage: Path, gate: Gate) -> None:
    with scripts.start(PROGRAM + STAYS, storage, "stays", gate.folder) as program:
        waiting = until(lambda: list(gate.folder.glob("*.here")), what="the driver to wait")
        before = int(waiting[0].stem)
        for kind in ("stays", "another"):
            ended = run(COMES_AND_GOES, storage, kind, gate)
            assert (ended == before) == (kind == "stays")
        until(lambda: is_gone(ended))
        assert not is_gone(before)
        gate.open()
        printed, errors = program.communicate(timeout=100)
    assert last_line(printed) == f"{before} {before}", errors
    until(lambda: is_gone(before))


def test_one_that_was_started_again_stays_for_drivers_that_it_does_not_know(
    storage: Path, gate: Gate, tmp_path: Path
) -> None:
    before = run(RUNS_ONE, storage, "one", gate)  # who made it is over
    own = Gate(tmp_path / "own")
    with scripts.start(PROGRAM + STAYS, storage, "one", own.folder) as program:
        own.until_waiting(str(before))
        os.kill(before, signal.SIGKILL)
        after = run(COMES_AND_GOES, storage, "one", gate)  # this one it knows
        gate.open()
        until(lambda: workflow.get_status("mine") == "SUCCESSFUL")
        come_and_go(storage, "another", gate)
        assert not is_gone(after)
        own.open()
        printed, errors = program.communicate(timeout=100)
    assert last_line(printed) == f"{before} {after}", errors


def test_a_driver_that_comes_as_it_ends_has_the_next_one(
    storage: Path, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Gate(tmp_path / "out")
    monkeypatch.setenv("HASTY_GATE", str(out.folder))
    before = run(COMES_AND_GOES, storage, "one", gate)
    out.until_waiting("leaving")
    with scripts.start(PROGRAM + RUNS_ONE, storage, "one", gate.folder) as program:
        until((out.folder / "too late").exists)
        out.open()
        printed, errors = program.communicate(timeout=100)
    assert int(last_line(printed)) != before, errors
    gate.open()
    until(lambda: workflow.get_status("mine") == "SUCCESSFUL")


def test_guests() -> None:
    guests, there = Guests("maker", are_known=True), {"maker", "stranger"}
    assert guests.any_left(lambda: there)
    assert not guests.close()
    assert guests.come("driver")
    there = {"stranger", "driver"}
    assert guests.any_left(lambda: there)
    assert guests.any_left(lambda: {"stranger"} if guests.come("late") else set())  # as it is asked
    assert guests.any_left(lambda: {"late"})
    assert not guests.any_left(set)
    assert guests.close()
    assert not guests.come("too late")


def test_of_an_actor_that_was_started_again_all_that_are_there_are_guests() -> None:
    guests = Guests("maker", are_known=False)
    assert guests.any_left(lambda: {"stranger"})
    assert guests.any_left(lambda: {"stranger", "newcomer"})
    assert not guests.any_left(lambda: {"newcomer"})
