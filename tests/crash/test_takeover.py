"""Workflows that nobody drives: handed in, taken by workers, taken over when these are gone."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import psycopg.conninfo
import pytest

from heliograph import workflow
from heliograph.cli import worker as command
from tests import commands, forked, postgresql, scripts
from tests.conditions import DEADLINE, until
from tests.gates import Gate, Ledger
from tests.invariants import check_store


@workflow.task
def note(ledger: Ledger, line: str, gate: Gate | None = None) -> str:
    ledger.note(line)
    if gate is not None:
        gate.wait(line)
    return line


@workflow.task
def join(*lines: str) -> str:
    return " ".join(lines)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "sqlite":
        made: Any = tmp_path / "storage"
    else:
        made = postgresql.server().database(tmp_path / "values")
    yield made
    workflow.shutdown()
    check_store(made / "heliograph.db" if isinstance(made, Path) else made)
    if isinstance(made, str):
        postgresql.server().drop(made)


@contextmanager
def worker(storage: Any, *options: str) -> Iterator[forked.Program]:
    """``heliograph worker``, killed at the end if it is still there."""
    arguments = ["worker", "--workers", "threads", *options]
    process = commands.program(arguments, scripts.environment(storage), scripts.ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: forked.Program) -> str:
    """What a worker printed that was told to stop, and did so well."""
    process.send_signal(signal.SIGTERM)
    printed, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    assert not errors
    return printed


def told(*command: str, storage: Any) -> str:
    """What a command prints, in one line."""
    environment = scripts.environment(storage) | {"COLUMNS": "400"}
    line = [sys.executable, "-m", "heliograph", *command]
    return " ".join(
        subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout.split()
    )


HAND_IN = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.crash.test_takeover import join, note
from tests.gates import Ledger
ledger = Ledger(Path(sys.argv[1]))
parts = [note.bind(ledger, "one"), note.bind(ledger, "two")]
workflow.run_async(join.bind(*parts), workflow_id="mine", metadata={"n": 1}, detach=True)
print(workflow.get_status("mine"))
"""


def test_a_worker_runs_what_a_program_left_that_is_gone(storage: Any, ledger: Ledger) -> None:
    assert scripts.run(HAND_IN, storage, ledger.path) == "PENDING\n"
    workflow.init(storage=storage, workers="threads")
    assert workflow.list_all() == [("mine", "PENDING")]
    assert [one["workflow_id"] for one in workflow.search("status = PENDING")["found"]] == ["mine"]
    with pytest.raises(RuntimeError, match="PENDING already"):
        workflow.resume("mine")
    place = storage if isinstance(storage, Path) else postgresql.plain(storage)
    assert "no worker has taken it yet: heliograph --storage" in told("show", "mine", storage=storage)
    with worker(storage, "--at-once", "3", "--max-running-workflows", "9") as process:
        assert workflow.get_output("mine") == "one two"
        said = ended(process)
        assert f"takes workflows of {place}" in said
        assert said.endswith(", with threads, 3 at once, none while 9 run there\n")
    assert "no worker" not in told("show", "mine", storage=storage)
    assert sorted(ledger.lines()) == ["one", "two"]
    (run,) = workflow.history("mine")["runs"]
    assert run["reason"] == "start"
    assert workflow.get_metadata("mine")["user_metadata"] == {"n": 1}


def test_who_handed_it_in_may_wait_for_it_while_workers_die(storage: Any, gate: Gate, ledger: Ledger) -> None:
    workflow.init(storage=storage, workers="threads")
    last = join.bind(note.bind(ledger, "one", gate), note.bind(ledger, "two"))
    output = workflow.run_async(last, workflow_id="mine", detach=True)
    with worker(storage) as first:
        gate.until_waiting("one", first)
        until(lambda: workflow.get_metadata("mine")["progress"]["by_status"].get("SUCCESSFUL"))
        first.kill()
        first.wait()
    assert workflow.get_status("mine") == "RESUMABLE"
    gate.open()
    with worker(storage):
        assert output.result(DEADLINE) == "one two"
    assert ledger.counts() == {"one": 2, "two": 1}
    assert [run["reason"] for run in workflow.history("mine")["runs"]] == ["start", "recovered"]


def test_an_engine_that_recovers_goes_on_with_what_others_left(
    storage: Any, gate: Gate, ledger: Ledger
) -> None:
    program = """
import sys
from pathlib import Path
from heliograph import workflow
from tests.crash.test_takeover import join, note
from tests.gates import Gate, Ledger
workflow.init(workers="threads")
ledger, gate = Ledger(Path(sys.argv[1])), Gate(Path(sys.argv[2]))
workflow.run(join.bind(note.bind(ledger, "one", gate)), workflow_id="mine")
"""
    with scripts.start(program, storage, ledger.path, gate.folder) as first:
        gate.until_waiting("one", first)
        workflow.init(storage=storage, workers="threads", recover=True)
        assert workflow.get_status("mine") == "RUNNING"
        first.kill()
        first.communicate()
    gate.open()
    until(lambda: workflow.get_status("mine") == "SUCCESSFUL")
    assert workflow.get_output("mine") == "one"


def test_it_takes_no_more_than_may_run_over_all_engines(storage: Any, gate: Gate, ledger: Ledger) -> None:
    workflow.init(storage=storage, workers="threads")
    for number in range(5):
        dag = join.bind(note.bind(ledger, str(number), gate))
        workflow.run_async(dag, workflow_id=f"w{number}", detach=True)
    limit = ("--max-running-workflows", "2")
    with worker(storage, *limit) as one, worker(storage, *limit) as other:
        gate.until_waiting("0", one)
        gate.until_waiting("1", other)
        assert workflow.list_all("RUNNING") == [("w0", "RUNNING"), ("w1", "RUNNING")]
        gate.open()
        until(lambda: len(workflow.list_all("SUCCESSFUL")) == 5)
    assert sorted(ledger.lines()) == ["0", "1", "2", "3", "4"]


def test_no_more_wait_than_may(storage: Any) -> None:
    workflow.init(storage=storage, max_pending_workflows=2)
    workflow.run_async(join.bind("a"), workflow_id="first", detach=True)
    with pytest.raises(RuntimeError, match="'first' is PENDING already"):
        workflow.run_async(join.bind("a"), workflow_id="first", detach=True)
    workflow.run_async(join.bind("a"), workflow_id="second", detach=True)
    with pytest.raises(queue.Full, match="max_pending_workflows"):
        workflow.run_async(join.bind("a"), workflow_id="third", detach=True)
    workflow.cancel("first")
    workflow.run_async(join.bind("a"), workflow_id="third", detach=True)
    assert workflow.list_all() == [("first", "CANCELED"), ("second", "PENDING"), ("third", "PENDING")]


def test_what_is_over_can_not_be_handed_in_again(storage: Any) -> None:
    workflow.init(storage=storage, workers="threads")
    workflow.run(join.bind("a"), workflow_id="done")
    with pytest.raises(RuntimeError, match=r"'done' is SUCCESSFUL already: workflow\.get_output has it"):
        workflow.run_async(join.bind("a"), workflow_id="done", detach=True)
    workflow.run_async(join.bind("a"), workflow_id="stopped", detach=True)
    workflow.cancel("stopped")
    with pytest.raises(RuntimeError, match="'stopped' is CANCELED already: resume it, or take another id"):
        workflow.run_async(join.bind("a"), workflow_id="stopped", detach=True)


@pytest.mark.parametrize("grace", ["60", "0"], ids=["finishes", "hands back"])
def test_told_to_stop(storage: Any, gate: Gate, ledger: Ledger, grace: str) -> None:
    workflow.init(storage=storage, workers="threads")
    output = workflow.run_async(join.bind(note.bind(ledger, "one", gate)), workflow_id="mine", detach=True)
    with worker(storage, "--grace", grace) as process:
        gate.until_waiting("one", process)
        process.send_signal(signal.SIGTERM)
        if grace == "0":
            printed, errors = process.communicate(timeout=DEADLINE)
            assert "handed back 1 workflow that did not end in time" in printed
            assert workflow.get_status("mine") == "RESUMABLE"
            gate.open()
            with worker(storage):
                assert output.result(DEADLINE) == "one"
        else:
            gate.open()
            printed, errors = process.communicate(timeout=DEADLINE)
            assert "handed back" not in printed
            assert workflow.get_status("mine") == "SUCCESSFUL"
        assert process.returncode == 0, errors


@pytest.mark.parametrize("value", ["yes", 1])
def test_what_is_neither_yes_nor_no(value: Any) -> None:
    with pytest.raises(TypeError, match="recover must be True or False"):
        workflow.init(recover=value)
    with pytest.raises(TypeError, match="detach must be True or False"):
        workflow.run_async(join.bind("a"), detach=value)


def test_a_worker_waits_for_a_server_that_is_away(tmp_path: Path) -> None:
    url = postgresql.server().database(tmp_path / "values")
    info = psycopg.conninfo.conninfo_to_dict(postgresql.plain(url))
    away = tmp_path / "sockets"  # where nobody listens, until it leads to the server's own
    name = f"postgresql://{info['user']}@/{info['dbname']}?host={quote(str(away), safe='')}"
    with worker(name) as early, worker(name) as late:
        for process in early, late:
            assert b"can't be reached" in process.stderr.readline()
        assert not ended(early)
        away.symlink_to(str(info["host"]))
        assert b"takes workflows" in late.stdout.readline()
        assert not ended(late)
    postgresql.server().drop(url)


def test_a_worker_that_stood_still_for_as_long_tries_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped as it connected, it meets the end of that connection as the first thing it sees."""
    now = itertools.count(0.0, 100.0)  # each look at the clock is later than a server is waited for
    tries = iter([workflow.StorageUnreachableError("closed unexpectedly"), None])

    def init(**_settings: Any) -> None:
        if (error := next(tries)) is not None:
            raise error

    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(now)))
    monkeypatch.setattr(command.workflow, "init", init)
    assert command._opened({}, threading.Event())
    assert "waits for up to 30 s: closed unexpectedly" in capsys.readouterr().err


@workflow.task
def kill() -> None:
    """What a crash in C does to a worker with threads: before it has stored anything."""
    os._exit(3)


@workflow.task
async def kill_async() -> None:
    os._exit(3)


@pytest.mark.parametrize("killing", [kill, kill_async])
def test_a_workflow_that_kills_its_engines_is_given_up(storage: Any, killing: Any) -> None:
    workflow.init(storage=storage, workers="threads")
    output = workflow.run_async(join.bind(killing.bind()), workflow_id="bad", detach=True)
    for _ in range(3):
        with worker(storage, "--max-deaths", "3") as process:
            assert process.wait(DEADLINE) == 3
    with worker(storage, "--max-deaths", "3") as process:
        with pytest.raises(
            workflow.WorkflowExecutionError, match=r"'bad' failed: WorkerDiedError: .* 3 times"
        ) as told:
            output.result(DEADLINE)
        workflow.run_async(join.bind("well"), workflow_id="good", detach=True)
        assert workflow.get_output("good") == "well"
        ended(process)
    assert isinstance(told.value.__cause__, workflow.WorkerDiedError)
    found = workflow.get_metadata("bad")
    assert found["status"] == "FAILED"
    assert "not taken over any more" in found["error"]["message"]
    assert [run["reason"] for run in workflow.history("bad")["runs"]] == ["start", "recovered", "recovered"]
