"""What a process imports that asks something of a storage, and does nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests import postgresql

QUESTIONS = (
    "workflow.get_metadata('mine')",
    "workflow.get_metadata('mine', 'only')",
    "workflow.get_metadata('mine', tasks=True)",
    "workflow.list_metadata(limit=50)",
    "workflow.list_metadata({'FAILED', 'RUNNING'})",
    "workflow.list_all('SUCCESSFUL')",
    "workflow.get_status('mine')",
    "workflow.get_output('mine')",
    "workflow.get_tasks('mine')",
    "workflow.get_history('mine')",
    "workflow.profile('mine')",
    "list(workflow.watch('mine'))",
)
COMMANDS = (
    "ls",
    "ls --status FAILED --json",
    "show mine",
    "show mine only",
    "tasks mine",
    "history mine",
    "profile mine",
    "timeline mine",
    "logs mine",
)
ASK = """
import sys
from heliograph import workflow

for question in sys.argv[1:]:
    eval(question)
    print(question, "sqlalchemy" in sys.modules)
"""
WORK = """
import sys, threading
from heliograph import workflow

workflow.init(workers="threads")
output = workflow.run_async(workflow.task(lambda: 3).bind(), detach=True)
stop = threading.Event()
worker = threading.Thread(target=workflow.work, args=[stop])
worker.start()
print(output.result())
stop.set()
worker.join()
print("sqlalchemy" in sys.modules)
"""
GIVE = """
import sys
from heliograph.cli.app import run

for command in sys.argv[1:]:
    assert run(command.split()) == 0
    print(command, "sqlalchemy" in sys.modules, file=sys.stderr)
"""


@workflow.task
def give(value: int) -> int:
    workflow.current().log("here")
    return value


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | str]:
    """With one workflow that is done."""
    folder = tmp_path_factory.mktemp("asked") / "storage"
    made = folder if request.param == "sqlite" else postgresql.server().database(folder)
    workflow.init(storage=made, workers="threads")
    workflow.run(give.options(name="only").bind(3), workflow_id="mine")
    workflow.shutdown()
    yield made
    if isinstance(made, str):
        postgresql.server().drop(made)


def said(storage: Path | str, program: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *args],
        capture_output=True,
        text=True,
        check=True,
        env={"HELIOGRAPH_STORAGE": str(storage)},
    )


def test_questions_need_no_sqlalchemy(storage: Path | str) -> None:
    lines = said(storage, ASK, *QUESTIONS).stdout.splitlines()
    assert lines == [f"{question} False" for question in QUESTIONS]


def test_handing_in_and_taking_need_no_sqlalchemy(storage: Path | str) -> None:
    """Who is told to stop as it begins would wait for the import."""
    assert said(storage, WORK).stdout.splitlines() == ["3", "False"]


def test_searches_may(storage: Path | str) -> None:
    """Else the test above would prove nothing."""
    search = "workflow.search('user_metadata.team = blue')"
    assert said(storage, ASK, search).stdout.splitlines() == [f"{search} True"]


def test_commands_need_no_sqlalchemy(storage: Path | str) -> None:
    done = said(storage, GIVE, *COMMANDS)
    assert "mine" in done.stdout
    assert done.stderr.splitlines() == [f"{command} False" for command in COMMANDS]
