"""What is stored is not run again; `checkpoint=False`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.gates import Ledger
from tests.invariants import connect
from tests.tasks import fail_without, give, note

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


UNSTORED = workflow.options(checkpoint=False)


def test_a_stored_task_never_runs_again(engine: EngineUnderTest, ledger: Ledger, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    chain = note.bind(ledger, "0")
    for number in range(1, 10):
        chain = note.bind(ledger, f"{number}", chain)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag, chain), workflow_id="mine")
    for _ in range(3):
        engine.restart()
        with pytest.raises(workflow.WorkflowExecutionError):
            workflow.resume("mine")
    flag.touch()
    assert workflow.resume("mine") == ("9",)
    assert ledger.counts() == {f"{number}": 1 for number in range(10)}


def test_checkpoint_false_does_not_store_the_output_and_it_reaches_its_dependents(
    engine: EngineUnderTest, ledger: Ledger
) -> None:
    unstored = note.options(**UNSTORED, name="unstored").bind(ledger, "a")
    dag = fail_without.bind(Path("/"), unstored)
    assert workflow.run(dag, workflow_id="mine") == ("a",)
    assert workflow.get_metadata("mine", "unstored")["task_options"]["checkpoint"] is False
    assert workflow.get_metadata("mine", "unstored")["status"] == "SUCCESSFUL"
    assert "output" not in workflow.get_metadata("mine", "unstored")
    with connect(engine.database) as connection:
        (count,) = connection.execute("SELECT count(*) FROM stored_values WHERE role = 'output'").fetchone()
    connection.close()
    assert count == 1


def test_without_a_checkpoint_it_runs_again_on_resume(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    stored = note.bind(ledger, "stored")
    unstored = note.options(**UNSTORED, name="unstored").bind(ledger, "unstored", stored)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag, unstored), workflow_id="mine")
    flag.touch()
    engine.restart()
    assert workflow.resume("mine") == ("unstored",)
    assert ledger.counts() == {"stored": 1, "unstored": 2}
    attempts = workflow.get_metadata("mine", "unstored")["attempts"]
    assert [(attempt["run"], attempt["status"]) for attempt in attempts] == [
        (1, "SUCCESSFUL"),
        (2, "SUCCESSFUL"),
    ]
    assert workflow.get_metadata("mine", "unstored")["reused"] is False


def test_on_resume_it_does_not_run_if_nobody_needs_it(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    unstored = note.options(**UNSTORED, name="unstored").bind(ledger, "unstored")
    stored = note.options(name="stored").bind(ledger, "stored", unstored)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag, stored), workflow_id="mine")
    flag.touch()
    assert workflow.resume("mine") == ("stored",)
    assert ledger.counts() == {"stored": 1, "unstored": 1}
    assert workflow.get_metadata("mine", "unstored")["status"] == "SUCCESSFUL"
    assert workflow.get_metadata("mine")["progress"] == {
        "done": 3,
        "total": 3,
        "by_status": {"SUCCESSFUL": 3},
    }


def test_of_the_last_task_the_workflow_runs_it_again(engine: EngineUnderTest, ledger: Ledger) -> None:
    dag = note.options(**UNSTORED).bind(ledger, "last", note.bind(ledger, "first"))
    assert workflow.run(dag, workflow_id="mine") == "last"
    assert workflow.get_status("mine") == "SUCCESSFUL"
    assert workflow.resume("mine") == "last"
    assert ledger.counts() == {"first": 1, "last": 2}


def test_a_record_and_its_checkpoint_are_there_before_what_depends_on_them(engine: EngineUnderTest) -> None:
    database = engine.database

    @workflow.task
    def first() -> int:
        return 1

    @workflow.task
    def look(_after: int) -> list[tuple[str, int]]:
        from contextlib import closing

        with closing(connect(database)) as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    "SELECT tasks.status, length(stored_values.data) > 0 FROM tasks"
                    " JOIN stored_values USING (workflow, task) WHERE role = 'output'"
                )
            ]

    for number in range(10):
        assert workflow.run(look.bind(first.bind()), workflow_id="mine") == [("SUCCESSFUL", 1)], number
        workflow.delete("mine")


@workflow.task
def make(ledger: Ledger, name: str, *_after: object) -> bytes:
    """More than what the database takes."""
    ledger.note(name)
    return name.encode() * 100_000


@workflow.task
def count(flag: Path, *values: bytes) -> int:
    flag.read_text()
    return sum(map(len, values))


@workflow.task
def fail_at_length(ledger: Ledger) -> None:
    ledger.note("failed")
    raise ValueError("x" * 100_000)


@workflow.task(catch_exceptions=True)
def catch(ledger: Ledger) -> Any:
    return workflow.continuation(count.bind(Path("never"), fail_at_length.bind(ledger)))


@workflow.task
def message_of(flag: Path, caught: tuple[None, ValueError]) -> str:
    return flag.read_text() + str(caught[1])


def test_a_caught_exception_that_is_damaged_is_raised_again_in_the_same_run(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    dag = message_of.bind(flag, catch.options(name="caught").bind(ledger))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    flag.touch()
    engine.restart()
    (engine.values / workflow.get_metadata("mine", "caught")["output"]["stored"]).unlink()
    assert workflow.resume("mine") == "x" * 100_000
    assert ledger.counts()["failed"] == 2


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_input_is_made_again_in_the_same_run(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path, damage: str
) -> None:
    flag = tmp_path / "flag"
    unstored = make.options(**UNSTORED, name="unstored").bind(ledger, "u")
    made, other = make.options(name="made").bind(ledger, "m", unstored), make.bind(ledger, "o")
    takers = [count.options(name=f"taker-{number}").bind(flag, made, other) for number in range(4)]
    dag = note.bind(ledger, "end", *takers)
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    flag.touch()
    engine.restart()
    file = engine.values / workflow.get_metadata("mine", "made")["output"]["stored"]
    if damage == "changed":
        file.write_bytes(file.read_bytes()[:-10] + b"0123456789")
    else:
        file.unlink()
    assert workflow.resume("mine") == "end"
    counts = ledger.counts()
    assert (counts["m"], counts["o"], counts["end"]) == (2, 1, 1)
    assert counts["u"] == 2  # it is needed for that, and was not kept
    assert [run["status"] for run in workflow.history("mine")["runs"]] == ["FAILED", "SUCCESSFUL"]
    assert [one["run"] for one in workflow.get_metadata("mine", "made")["attempts"]] == [1, 2]
    taken = [workflow.get_metadata("mine", f"taker-{number}")["attempts"] for number in range(4)]
    assert {attempts[-1]["status"] for attempts in taken} == {"SUCCESSFUL"}
    failed = [one for attempts in taken for one in attempts if one["run"] == 2 and one["status"] == "FAILED"]
    assert failed
    assert all(one["error"]["type"] == "heliograph.errors.StorageCorruptError" for one in failed)
    assert all(str(file) in one["error"]["message"] for one in failed)


@pytest.mark.parametrize("damage", ["cut", "another"])
def test_a_damaged_input_in_the_database_is_made_again_in_the_same_run(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path, damage: str
) -> None:
    flag = tmp_path / "flag"
    made = note.options(name="made").bind(ledger, "m")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.options(name="taker").bind(flag, made), workflow_id="mine")
    flag.touch()
    engine.restart()
    changed = {
        "cut": "substr(data, 2)",
        "another": "(SELECT data FROM stored_values WHERE role = 'arguments' ORDER BY task LIMIT 1)",
    }
    with closing(connect(engine.database)) as connection:
        connection.execute(f"UPDATE stored_values SET data = {changed[damage]} WHERE role = 'output'")
        connection.commit()
    assert workflow.resume("mine") == ("m",)
    assert ledger.counts() == {"m": 2}
    *_, failed, successful = workflow.get_metadata("mine", "taker")["attempts"]
    assert (failed["run"], successful["run"], successful["status"]) == (2, 2, "SUCCESSFUL")
    assert failed["error"]["type"] == "heliograph.errors.StorageCorruptError"
    assert "the stored output of task 'made' of workflow 'mine'" in failed["error"]["message"]
    assert workflow.check_values()["damaged"] == []


def test_a_damaged_output_in_the_database_is_told_though_it_can_be_loaded(engine: EngineUnderTest) -> None:
    workflow.run(give.bind(1), workflow_id="mine")
    workflow.run(give.bind(2), workflow_id="other")
    with closing(connect(engine.database)) as connection:
        outputs = "SELECT max(data) FROM stored_values WHERE role = 'output'"
        connection.execute(f"UPDATE stored_values SET data = ({outputs}) WHERE role = 'output'")
        connection.commit()
    assert workflow.get_output("other") == 2
    with pytest.raises(workflow.StorageCorruptError, match="in the database, is not what was stored"):
        workflow.get_output("mine")


def test_damaged_arguments_in_the_database_are_named(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.options(name="taker").bind(flag, ledger), workflow_id="mine")
    flag.touch()
    engine.restart()
    with closing(connect(engine.database)) as connection:
        connection.execute("UPDATE stored_values SET data = substr(data, 2) WHERE role = 'arguments'")
        connection.commit()
    with pytest.raises(
        workflow.WorkflowExecutionError,
        match=r"StorageCorruptError: the stored arguments of task 'taker' of workflow 'mine', \d+ bytes in",
    ):
        workflow.resume("mine")
