"""RESUMABLE: the process that ran a workflow was killed, and nobody cleaned up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph import workflow
from heliograph.storage.liveness import LEASE_SECONDS
from tests import scripts
from tests.conditions import is_gone, until
from tests.gates import Gate, Ledger
from tests.tasks import note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


PROGRAM = """
import sys
from pathlib import Path
from tests.tasks import note, wait
from tests.gates import Gate, Ledger
gate, ledger = Gate(Path(sys.argv[1])), Ledger(Path(sys.argv[2]))
early = note.options(name="early").bind(ledger, "early")
held = wait.options(name="held").bind(gate, "held", early)
workflow.run_async(note.bind(ledger, "late", held), workflow_id="mine")
workflow.get_output("mine")
"""


@pytest.fixture
def worker(engine: EngineUnderTest, gate: Gate, ledger: Ledger) -> int:
    """A workflow of a killed process; the process id of the worker it had."""
    process = scripts.start(engine.script(PROGRAM), engine.storage, gate.folder, ledger.path)
    before_its_lease_ends = 2 / 3 * LEASE_SECONDS  # it is renewed after a third
    with process:
        worker = gate.until_waiting("held", process)
        assert workflow.get_status("mine") == "RUNNING"
        until(lambda: workflow.get_metadata("mine", "held")["attempts"])
        engine.kill(process)
        until(lambda: workflow.get_status("mine") == "RESUMABLE", deadline=before_its_lease_ends)
        process.communicate()
    return worker


def test_status_is_resumable_at_once_for_every_call(engine: EngineUnderTest, worker: int) -> None:
    assert workflow.get_status("mine") == "RESUMABLE"
    assert workflow.get_metadata("mine")["status"] == "RESUMABLE"
    assert workflow.list_all() == workflow.list_all("RESUMABLE") == [("mine", "RESUMABLE")]
    assert workflow.list_all("RUNNING") == []
    whole = workflow.get_metadata("mine", tasks=True)
    assert whole["counts"] == whole["progress"]["by_status"]
    held = next(task for task in whole["tasks"] if task["task_id"] == "held")
    assert (held["status"], held["attempts"][-1]["status"]) == ("READY", "LOST")
    assert workflow.get_metadata("mine", "held") == held
    assert workflow.history("mine")["attempts"][-1]["status"] == "LOST"
    assert workflow.search("status = RUNNING", tasks=True)["found"] == []
    ready = workflow.search("status = READY", tasks=True)["found"]
    assert {task["task_id"]: task["status"] for task in ready} == dict.fromkeys(
        (task["task_id"] for task in whole["tasks"] if task["status"] == "READY"), "READY"
    )
    assert {group["by"]["status"]: group["count"] for group in workflow.summarize("status", tasks=True)} == {
        status: count for status, count in whole["counts"].items() if count
    }
    assert "end_time" not in workflow.get_metadata("mine")["stats"]
    [run] = workflow.trend("tests.tasks.wait").runs
    assert (run.attempts, run.failed) == (1, 1)
    assert workflow.get_output("mine", task_id="early") == "early"


@pytest.mark.parametrize("how", ["resume", "resume_all", "run"])
def test_it_goes_on_from_its_checkpoints(
    engine: EngineUnderTest, worker: int, gate: Gate, ledger: Ledger, how: str
) -> None:
    gate.open()
    if how == "resume_all":
        ((name, output),) = workflow.resume_all()
        assert (name, engine.value(output)) == ("mine", "late")
    elif how == "run":
        assert workflow.run(note.bind(ledger, "other"), workflow_id="mine") == "late"
    else:
        assert workflow.resume("mine") == "late"
    assert ledger.counts() == {"early": 1, "late": 1}
    first, second = workflow.get_history("mine")
    assert (first["status"], first["reason"]) == ("RESUMABLE", "start")
    assert (second["status"], second["reason"], second["reused"]) == ("SUCCESSFUL", "resume", 1)
    assert first["owner"]["pid"] != second["owner"]["pid"]
    held = workflow.get_metadata("mine", "held")["attempts"]
    assert held[-1]["status"] == "SUCCESSFUL"
    assert {attempt["status"] for attempt in held[:-1]} <= {"LOST"}


def test_of_two_who_resume_it_at_once_one_gets_it(
    engine: EngineUnderTest, worker: int, gate: Gate, ledger: Ledger, tmp_path: Path
) -> None:
    program = engine.script(
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.conditions import is_gone, until\n"
        "workflow.list_all()\n"
        "Path(sys.argv[1]).touch()\n"
        "until(Path(sys.argv[2]).exists)\n"
        "try: print(workflow.resume('mine'))\n"
        "except RuntimeError as error: print(error)"
    )
    start = tmp_path / "start"
    others = [
        scripts.start(program, engine.storage, tmp_path / f"ready {number}", start) for number in range(3)
    ]
    until(lambda: len(list(tmp_path.glob("ready *"))) == 3)
    start.touch()
    until(lambda: workflow.get_status("mine") == "RUNNING")
    refused = until(lambda: [other for other in others if other.poll() is not None][:2][1:] and others)
    gate.open()
    printed = [other.communicate(timeout=60)[0] for other in refused]
    assert (
        sorted(printed)
        == ["late\n"] + ["workflow 'mine' is RUNNING already: wait for it, or cancel it\n"] * 2
    )
    assert ledger.counts() == {"early": 1, "late": 1}
    assert len(workflow.get_history("mine")) == 2


@workflow.task
def talk(gate: Gate) -> int:
    me, number = workflow.current(), 0
    while not (gate.folder / "open").exists():
        number += 1
        me.log(f"{me.attempt}/{number}")
        me.progress(number, message=f"attempt {me.attempt}")
        me.update_metadata({f"attempt {me.attempt}": number})
        time.sleep(0.005)
    return me.attempt


TALK = """
import sys
from pathlib import Path
from tests.contract.test_killed_process import talk
from tests.gates import Gate
workflow.run_async(talk.options(name="talk").bind(Gate(Path(sys.argv[1]))), workflow_id="mine")
workflow.get_output("mine")
"""


def test_what_a_task_said_before_the_kill_is_there_after_the_resume(
    engine: EngineUnderTest, gate: Gate
) -> None:
    with scripts.start(engine.script(TALK), engine.storage, gate.folder) as process:
        until(lambda: workflow.list_all() and len(workflow.get_logs("mine")) > 20)
        seen = [*workflow.get_logs("mine")]
        engine.kill(process)
        until(lambda: workflow.get_status("mine") == "RESUMABLE", deadline=20)
        process.communicate()
    before, lines = workflow.get_metadata("mine", "talk"), workflow.get_logs("mine")
    assert lines[: len(seen)] == seen
    assert before["progress"]["done"] >= len(seen) - 1
    gate.open()
    assert workflow.resume("mine") == len(before["attempts"]) + 1
    after = workflow.get_metadata("mine", "talk")
    assert workflow.get_logs("mine")[: len(lines)] == lines
    assert after["attempts"][0]["progress"] == before["progress"]
    assert after["user_metadata"] == before["user_metadata"]
    assert [attempt["status"] for attempt in after["attempts"]] == ["LOST", "SUCCESSFUL"]


def test_its_workers_are_gone_and_it_can_be_canceled_or_deleted(engine: EngineUnderTest, worker: int) -> None:
    until(lambda: is_gone(worker))
    workflow.cancel("mine")
    assert workflow.get_status("mine") == "CANCELED"
    workflow.delete("mine")
    assert workflow.list_all() == []
