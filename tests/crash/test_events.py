"""SIGKILL while an event comes in: `event_checkpointed` is called only for events that are stored."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests import scripts
from tests.crash.mail import Mail, mail_in
from tests.invariants import check_store

PROGRAM = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.crash import mail

folder, workers, commit, when = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
workflow.init(workers=workers, num_workers=1)
workflow.run(mail.read.bind((mail.INITIAL, mail.mail_in(folder))))  # workers are there
mail.crash_at(commit, when)
letter = workflow.wait_for_event(mail.Letter, mail.mail_in(folder))
print(workflow.run(mail.read.bind(letter), workflow_id="mine"))
"""


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Mail]:
    yield mail_in(tmp_path)
    workflow.shutdown()
    check_store(tmp_path / "storage" / "heliograph.db")


def told(mail: Mail) -> set[str]:
    return {line for line in mail.ledger.lines() if line.startswith("told")}


def run_program(folder: Path, workers: str, commit: int, when: str) -> int:
    with scripts.start(PROGRAM, folder / "storage", folder, workers, commit, when) as program:
        _, errors = program.communicate(timeout=60)
    assert program.returncode in (0, -signal.SIGKILL), errors
    return program.returncode


def resume(folder: Path, workers: str) -> str:
    workflow.init(storage=folder / "storage", workers=workers, num_workers=1)
    output: str = workflow.resume("mine")
    return output


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_a_crash_at_each_commit(mail: Mail, tmp_path: Path, workers: str, commit: int, when: str) -> None:
    died = run_program(tmp_path, workers, commit, when) != 0
    assert died or commit > 3  # the submission, the event, the acknowledgement, the output
    try:
        output = resume(tmp_path, workers)
    except workflow.WorkflowNotFoundError:
        assert (commit, when) == (1, "before")
        return
    assert output in mail.stored()
    assert told(mail) == {f"told of {output}, stored"}
    assert f"read {output}" in mail.ledger.lines()


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_an_event_that_was_received_and_not_stored_is_never_acknowledged(
    mail: Mail, tmp_path: Path, workers: str
) -> None:
    run_program(tmp_path, workers, 2, "before")
    until_taken = mail.ledger.counts()["taken"]
    assert told(mail) == set()
    assert resume(tmp_path, workers) == f"event {until_taken + 1}"
    assert told(mail) == {f"told of event {until_taken + 1}, stored"}


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_an_event_is_acknowledged_again_if_that_was_not_recorded(
    mail: Mail, tmp_path: Path, workers: str
) -> None:
    code = f"""
from pathlib import Path
Path({str(tmp_path / "die when told")!r}).write_text(str(__import__("os").getpid()))
"""
    with scripts.start(code + PROGRAM, tmp_path / "storage", tmp_path, workers, 1_000, "before") as program:
        program.communicate(timeout=60)
    assert program.returncode == -signal.SIGKILL
    assert mail.ledger.counts()["told of event 1, stored"] == 1
    (tmp_path / "die when told").unlink()
    assert resume(tmp_path, workers) == "event 1"
    assert mail.ledger.counts() == {
        "read nothing": 1,
        "taken": 1,
        "told of event 1, stored": 2,
        "read event 1": 1,
    }
