"""Real faults: of a worker, the coordinator, the driver, a node, the whole cluster.

Nothing stored is lost or run again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph import workflow  # noqa: E402
from heliograph.engines.dags import checked_dag, plan_of  # noqa: E402
from heliograph.engines.opening import opened  # noqa: E402
from heliograph.engines.ray.async_lane import AsyncWorker  # noqa: E402
from heliograph.engines.ray.order import Address, Order  # noqa: E402
from heliograph.graph.node import Inputs  # noqa: E402
from tests import clusters, scripts  # noqa: E402
from tests.conditions import DEADLINE, is_gone, until  # noqa: E402
from tests.engines.harness import Works  # noqa: E402
from tests.gates import Gate, Ledger  # noqa: E402


@ray.remote
def note(ledger: Ledger, line: str, *_after: Any) -> str:
    ledger.note(line)
    return line


@ray.remote
def hold(gate: Gate, name: str, *_after: Any) -> str:
    gate.wait(name)
    return name


@ray.remote(max_retries=1)
def die_once(ledger: Ledger) -> int:
    ledger.note("begun")
    if ledger.counts()["begun"] == 1:
        os._exit(1)
    return 2


@ray.remote
def leave_a_signal(ledger: Ledger) -> None:
    """Have a signal come to this worker once it asks the coordinator for more, and its handler raise."""

    def late(*_: Any) -> None:
        ledger.note("late")
        raise TimeoutError("of a task that is over")

    def send() -> None:
        main = threading.main_thread().ident or 0
        while not is_asking(sys._current_frames()[main]):
            time.sleep(0.0005)
        signal.pthread_kill(main, signal.SIGUSR1)

    def is_asking(frame: FrameType | None) -> bool:
        while frame is not None and frame.f_code.co_qualname != "Channel.ask":
            frame = frame.f_back
        return frame is not None

    signal.signal(signal.SIGUSR1, late)
    threading.Thread(target=send, daemon=True).start()


def held(gate: Gate, ledger: Ledger, **options: Any) -> Any:
    """A task that is stored, one that waits at the gate, and one after it."""
    early = note.options(**workflow.options(name="early")).bind(ledger, "early")
    middle = hold.options(**workflow.options(name="held"), **options).bind(gate, "held", early)
    return note.options(**workflow.options(name="late")).bind(ledger, "late", middle)


def coordinator() -> int:
    """The process id of the coordinator."""
    return opened().ray.memory()[0][0]


def test_a_worker_killed_in_the_middle_of_a_task(storage: Path, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(held(gate, ledger), workflow_id="mine")
    worker = gate.until_waiting("held")
    os.kill(worker, signal.SIGKILL)
    until(lambda: is_gone(worker))
    gate.open()
    assert ray.get(output, timeout=DEADLINE) == "late"
    assert ledger.counts() == {"early": 1, "late": 1}
    died, again = workflow.get_metadata("mine", "held")["attempts"]
    assert (died["status"], died["error"]["type"]) == ("FAILED", "heliograph.errors.WorkerDiedError")
    assert (again["status"], again["worker"]["pid"] != worker) == ("SUCCESSFUL", True)


def test_what_a_task_left_to_come_late_runs_no_other_task_twice(storage: Path, ledger: Ledger) -> None:
    for _ in range(2):  # it may be over before its worker asks
        workflow.run(leave_a_signal.bind(ledger))
    until(lambda: ledger.counts()["late"] > 0)
    lines = [f"line {number}" for number in range(200)]
    for some in [lines[at : at + 20] for at in range(0, len(lines), 20)]:
        ray.get([workflow.run_async(note.bind(ledger, line)) for line in some], timeout=DEADLINE)
    counts = ledger.counts()
    assert [line for line in lines if counts[line] != 1] == []


def test_a_worker_that_may_not_die_fails_the_workflow(storage: Path, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(held(gate, ledger, max_retries=0), workflow_id="mine")
    os.kill(gate.until_waiting("held"), signal.SIGKILL)
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        opened().ray.value(output)
    assert isinstance(raised.value.__cause__, workflow.WorkerDiedError)
    assert isinstance(raised.value, ray.exceptions.RaySystemError)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_timeout_ends_what_never_lets_go_of_the_interpreter(storage: Path, is_async: bool) -> None:
    # Both are pickled by value: where a module is imported first, other threads have their turn.
    def keep_the_interpreter() -> None:
        re.match("(a|a)+$", "a" * 60 + "b")  # takes years

    async def keep_the_loop() -> None:
        re.match("(a|a)+$", "a" * 60 + "b")

    workflow.shutdown()
    workflow.init(storage=storage, engine="ray")
    hanging: Any = workflow.task(keep_the_loop if is_async else keep_the_interpreter)
    task = hanging.options(timeout=0.2, max_retries=0, name="hanging")
    output = workflow.run_async(task.bind(), workflow_id="mine")
    with pytest.raises(workflow.WorkflowExecutionError) as raised:
        ray.get(output, timeout=DEADLINE)
    assert isinstance(raised.value.__cause__, workflow.TaskTimeoutError)
    (attempt,) = workflow.get_metadata("mine", "hanging")["attempts"]
    assert attempt["phases"]["finished"] - attempt["phases"]["started"] >= 0.2
    until(lambda: is_gone(attempt["worker"]["pid"]), what="its worker to be killed")


def test_an_async_attempt_that_comes_after_its_cancellation_never_begins(
    storage: Path, ledger: Ledger, tmp_path: Path
) -> None:
    """A large one does: Ray fetches it first, and gives the worker what is small meanwhile."""

    async def enter() -> None:
        ledger.note("begun")

    sender = Address("nobody", "life", str(storage))
    order = Order(sender, time.time(), (Works(tmp_path)(enter),))
    worker = ray.remote(num_cpus=0, max_concurrency=10)(AsyncWorker).remote(sender)
    ray.get(worker.cancel.remote(7), timeout=DEADLINE)
    assert ray.get(worker.run.remote(7, order.packed()), timeout=DEADLINE) is None
    assert ledger.counts() == {}
    ray.kill(worker)


def test_a_killed_coordinator_comes_back_and_goes_on(storage: Path, gate: Gate, ledger: Ledger) -> None:
    output = workflow.run_async(held(gate, ledger), workflow_id="mine")
    free = hold.options(num_cpus=0)
    others = [workflow.run_async(free.bind(gate, f"other {number}")) for number in range(3)]
    worker, before = gate.until_waiting("held"), coordinator()
    os.kill(before, signal.SIGKILL)
    until(lambda: is_gone(worker))  # Ray ends what a dead owner has left running
    for line in ("next", "over next"):  # by the way in that this driver has no more, and by the new one
        assert workflow.run(note.bind(ledger, line)) == line
    gate.open()
    assert ray.get(output, timeout=DEADLINE) == "late"
    assert ray.get(others, timeout=DEADLINE) == [f"other {number}" for number in range(3)]
    assert ledger.counts() == {"early": 1, "late": 1, "next": 1, "over next": 1}
    first, second = workflow.get_history("mine")
    assert (first["status"], second["status"]) == ("RESUMABLE", "SUCCESSFUL")
    assert (second["reason"], second["reused"]) == ("recovered", 1)
    assert first["owner"]["pid"] == before
    assert second["owner"]["pid"] == coordinator() != before
    # Of who made the coordinator, or of Ray's own program, nothing: nobody asked for this run.
    assert (first["argv"] != [], second["argv"]) == (True, [])
    assert second["code"].keys() == first["code"].keys() - {"entry_point", "git_commit", "git_dirty"}
    assert second["hostname"] == first["hostname"]


def test_a_call_that_is_made_again_after_several_deaths(storage: Path, gate: Gate) -> None:
    engine = opened().ray
    plan = plan_of(checked_dag(hold.bind(gate, "held"), "run"), Inputs((), {}))
    wanted = engine._submission(plan, "mine", "{}")
    actor = engine._coordinators.of("mine")
    engine.value(actor.ask.remote("enter", "first", wanted))
    for runs in (2, 3, 4):
        os.kill(coordinator(), signal.SIGKILL)
        until(lambda runs=runs: workflow.get_metadata("mine")["runs"] == runs)
    engine.value(actor.ask.remote("enter", "again", wanted))
    with pytest.raises(RuntimeError, match="'mine' is RUNNING already"):
        engine.value(actor.ask.remote("enter", "another", replace(wanted, created_time=0.0)))
    gate.open()
    assert engine.value(actor.ask.remote("output", "again", "mine")) == "held"


def test_a_storage_that_was_replaced_is_opened_anew(storage: Path, ledger: Ledger) -> None:
    workflow.run(note.bind(ledger, "old"), workflow_id="old")
    workflow.shutdown()
    shutil.rmtree(storage)
    workflow.init(storage=storage)
    assert workflow.run(note.bind(ledger, "new"), workflow_id="new") == "new"
    assert [name for name, _ in workflow.list_all()] == ["new"]


def test_who_waits_for_an_output_does_not_notice_a_killed_coordinator(
    storage: Path, gate: Gate, ledger: Ledger
) -> None:
    workflow.run_async(held(gate, ledger), workflow_id="mine")
    gate.until_waiting("held")
    with ThreadPoolExecutor() as threads:
        outputs = [threads.submit(workflow.get_output, "mine", task_id=task) for task in (None, "held")]
        os.kill(coordinator(), signal.SIGKILL)
        outputs += [threads.submit(workflow.get_output, "mine", task_id=task) for task in (None, "held")]
        until(lambda: workflow.get_metadata("mine")["runs"] == 2)
        gate.open()
        assert [output.result(DEADLINE) for output in outputs] == ["late", "held"] * 2


def test_who_runs_a_workflow_does_not_notice_a_killed_coordinator(
    storage: Path, gate: Gate, ledger: Ledger
) -> None:
    with ThreadPoolExecutor() as threads:
        output = threads.submit(workflow.run, held(gate, ledger), workflow_id="mine")
        gate.until_waiting("held")
        os.kill(coordinator(), signal.SIGKILL)
        until(lambda: workflow.get_metadata("mine")["runs"] == 2)
        gate.open()
        assert output.result(DEADLINE) == "late"
    assert ledger.counts() == {"early": 1, "late": 1}


@ray.remote(num_cpus=0)
def run_inside(gate: Gate, ledger: Ledger) -> Any:
    output = workflow.run_async(held(gate, ledger, num_cpus=0), workflow_id="inner")
    ledger.note("outer")
    return ray.get(output)


@pytest.mark.parametrize("dies", ["worker", "coordinator"])
def test_a_task_that_is_tried_again_takes_up_the_workflow_that_it_began(
    storage: Path, gate: Gate, ledger: Ledger, dies: str
) -> None:
    output = workflow.run_async(run_inside.bind(gate, ledger), workflow_id="outer")
    gate.until_waiting("held")
    (outer,) = until(lambda: workflow.get_tasks("outer")[0]["attempts"])
    os.kill(outer["worker"]["pid"] if dies == "worker" else coordinator(), signal.SIGKILL)
    until(lambda: ledger.counts()["outer"] == 2)
    with pytest.raises(RuntimeError, match="'inner' is RUNNING already"):
        workflow.run(note.bind(ledger, "never"), workflow_id="inner")  # for all others it is taken
    gate.open()
    assert ray.get(output, timeout=DEADLINE) == "late"
    assert ledger.counts() == {"outer": 2, "early": 1, "late": 1}


INTERRUPTED = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.gates import Gate, Ledger
from tests.ray.test_faults import held
try:
    workflow.run(held(Gate(Path(sys.argv[1])), Ledger(Path(sys.argv[2]))), workflow_id="mine")
except KeyboardInterrupt:
    print("interrupted", workflow.get_status("mine"))
"""


def test_who_waits_for_a_workflow_can_be_interrupted(storage: Path, gate: Gate, ledger: Ledger) -> None:
    with scripts.start(INTERRUPTED, storage, gate.folder, ledger.path) as driver:
        gate.until_waiting("held", driver)
        driver.send_signal(signal.SIGINT)
        printed, _ = driver.communicate(timeout=DEADLINE)
    assert printed == "interrupted RUNNING\n"
    gate.open()
    assert workflow.get_output("mine") == "late"


PROGRAM = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.gates import Gate, Ledger
from tests.ray.test_faults import held
workflow.run_async(held(Gate(Path(sys.argv[1])), Ledger(Path(sys.argv[2]))), workflow_id="mine")
workflow.get_output("mine")
"""


def test_who_watches_does_not_notice_a_killed_coordinator(storage: Path, gate: Gate, ledger: Ledger) -> None:
    workflow.run_async(held(gate, ledger), workflow_id="mine")
    gate.until_waiting("held")
    with ThreadPoolExecutor() as threads:
        watched = threads.submit(lambda: list(workflow.watch("mine")))
        os.kill(coordinator(), signal.SIGKILL)
        until(lambda: workflow.get_metadata("mine")["runs"] == 2)
        gate.open()
        changes = watched.result(DEADLINE)
    assert (changes[-1]["run"], changes[-1]["kind"], changes[-1]["status"]) == (2, "run", "SUCCESSFUL")


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


def started(name: str, storage: Path, gate: Gate, ledger: Ledger) -> subprocess.Popen[str]:
    """One of `tests.ray.clusters_that_fail`, begun: it has a cluster of its own."""
    environment = scripts.environment(storage)
    environment.pop("RAY_ADDRESS", None)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ray.clusters_that_fail", name, str(gate.folder), str(ledger.path)],
        env=environment,
        cwd=scripts.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends_well(name: str, storage: Path, gate: Gate, ledger: Ledger) -> None:
    with started(name, storage, gate, ledger) as process:
        printed, errors = process.communicate(timeout=170)
    assert process.returncode == 0, f"{printed}\n{errors}"
    assert printed.endswith("well\n")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["remove_a_node", "lose_an_output"])
def test_a_node_that_goes_away(storage: Path, gate: Gate, ledger: Ledger, name: str) -> None:
    ends_well(name, storage, gate, ledger)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["go_away", "lose_the_raylets", "be_elsewhere", "be_made_anew"])
def test_a_cluster_that_is_not_there(storage: Path, gate: Gate, ledger: Ledger, name: str) -> None:
    ends_well(name, storage, gate, ledger)


@pytest.mark.timeout(300)
def test_a_whole_cluster_killed_and_another_one_that_goes_on(
    storage: Path, gate: Gate, ledger: Ledger
) -> None:
    with started("wait_for_the_end", storage, gate, ledger) as first:
        gate.until_waiting("all but it", first, 2 * DEADLINE)  # a cluster of its own has to start first
        for process in [*psutil.Process(first.pid).children(recursive=True), first]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        first.communicate()
    until(lambda: workflow.get_status("mine") == "RESUMABLE")  # a process that is not connected to any Ray
    assert workflow.get_metadata("mine", "early")["status"] == "SUCCESSFUL"
    ends_well("go_on", storage, gate, ledger)


def test_a_coordinator_that_goes_away_in_the_middle_of_a_call(
    storage: Path, gate: Gate, ledger: Ledger
) -> None:
    output = workflow.run_async(held(gate, ledger), workflow_id="mine")
    gate.until_waiting("held")
    clusters.kill_coordinators()
    with pytest.raises(RuntimeError, match=r"the coordinator is gone: .*`workflow\.resume` goes on"):
        opened().ray.value(output)
    workflow.shutdown()
    workflow.init(storage=storage)
    gate.open()
    assert workflow.resume("mine") == "late"
    assert ledger.counts() == {"early": 1, "late": 1}


def test_the_coordinator_prints_nothing_of_a_death_that_it_handles(storage: Path, ledger: Ledger) -> None:
    assert workflow.run(die_once.bind(ledger)) == 2
    logs = Path(ray._private.worker._global_node.get_logs_dir_path())
    printed = [log.read_text() for log in logs.glob(f"worker-*-{coordinator()}.*")]
    assert printed
    assert not [text for text in printed if "Unhandled error" in text]
