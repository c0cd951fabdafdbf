"""The async worker: what a process that many attempts share must stand."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.embedded import handle as handles
from tests.conditions import is_gone, until
from tests.engines.conftest import Make
from tests.engines.coroutines import Gate, add, begun, opened, take_no_hint
from tests.engines.harness import Inbox, Works, output, start, talk_nonsense


async def kill_me(path: str) -> None:
    await opened(path)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_fails_all_it_had_and_is_replaced(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = processes(1)
    gates = [Gate(tmp_path, works, f"{i}") for i in range(5)]
    killer = works(kill_me, str(tmp_path / "kill"))
    for work in (killer, *(gate.work for gate in gates)):
        executor.submit(work)
    (pid,) = {gate.until_begun() for gate in gates}
    executor.cancel(gates[0].work.key)
    (tmp_path / "kill").touch()
    for work in (killer, *(gate.work for gate in gates[1:])):
        receipt = inbox.of(work)
        assert receipt.failure is not None
        assert receipt.failure.died
        assert receipt.worker.pid == pid
        assert receipt.resources.signal == signal.SIGKILL
        assert receipt.resources.measured == "shared"
        assert f"task '{work.task_id}'" in receipt.failure.message
    assert len(inbox.receipts) == 5
    assert not list(executor.running(works.keys))
    after = works(add, 1, 2)
    executor.submit(after)
    assert output(inbox.of(after)) == 3
    assert inbox.of(after).worker.pid != pid


async def block(path: str) -> None:
    begun(path)
    while not os.path.exists(f"{path}.never"):
        time.sleep(0.005)


@pytest.mark.parametrize("how", [block, take_no_hint], ids=["blocks the loop", "takes no hint"])
def test_one_that_does_not_end_costs_the_worker_and_the_others_begin_again(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path, how: Any
) -> None:
    executor = processes(1)
    others = [Gate(tmp_path, works, f"{i}") for i in range(5)]
    stuck = Gate(tmp_path, works, "stuck", how)
    for gate in others:
        executor.submit(gate.work)
    (pid,) = {gate.until_begun() for gate in others}
    executor.submit(stuck.work)
    stuck.until_begun()
    executor.cancel(stuck.work.key)
    until(lambda: is_gone(pid), "the worker to be killed")
    (again,) = until(lambda: {gate.until_begun() for gate in others} - {pid})
    for gate in others:
        gate.open()
        assert inbox.of(gate.work).worker.pid == again
    assert len(inbox.receipts) == 5


@pytest.mark.filterwarnings("always:async tasks wait")
def test_one_that_blocks_the_loop_is_named_where_others_wait_to_begin(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    executor = processes(1)
    stuck, later = Gate(tmp_path, works, "stuck", block), works(add, 1, 2)
    executor.submit(stuck.work)
    stuck.until_begun()
    executor.submit(later)
    said = str(until(lambda: [one.message for one in recwarn], "a warning")[0])
    assert f"is blocked by task {stuck.work.task_id!r} of workflow {stuck.work.workflow_id!r}, which" in said
    executor.cancel(stuck.work.key)
    assert output(inbox.of(later)) == 3
    assert len(recwarn) == 1


def test_close_with_one_that_blocks_the_loop(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = processes(1)
    stuck = Gate(tmp_path, works, "stuck", block)
    executor.submit(stuck.work)
    pid = stuck.until_begun()
    executor.close()
    assert is_gone(pid)


async def fork_and_return() -> int:
    await asyncio.sleep(0)
    return os.fork()


async def fork_and_wait() -> int:
    pid = os.fork()
    await asyncio.sleep(0.01)
    return pid


def test_a_coroutine_that_forks(processes: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = processes(1)
    bystander = Gate(tmp_path, works, "bystander")
    executor.submit(bystander.work)
    bystander.until_begun()
    for function in (fork_and_return, fork_and_wait):
        work = works(function)
        executor.submit(work)
        assert output(inbox.of(work)) > 0
    bystander.open()
    assert output(inbox.of(bystander.work)) == str(bystander.path)
    assert len(inbox.receipts) == 3


async def talk_nonsense_on() -> None:
    talk_nonsense()


def test_a_coroutine_that_writes_into_the_workers_line(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    work = works(talk_nonsense_on)
    executor.submit(work)
    failure = inbox.of(work).failure
    assert failure is not None
    assert failure.died
    after = works(add, 1, 2)
    executor.submit(after)
    assert output(inbox.of(after)) == 3


def test_a_worker_that_cant_start_is_said(
    processes: Make, works: Works, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = processes(1)
    executor.warm()
    monkeypatch.setattr(handles, "_BOOT", "import sys; sys.exit(3)")
    given = [works(add, 1, 2) for _ in range(5)]
    for work in given:
        executor.submit(work)
    for work in given:
        failure = inbox.of(work).failure
        assert failure is not None
        assert not failure.died
        assert "exited with code 3" in failure.message
    monkeypatch.undo()
    work = works(add, 1, 2)
    executor.submit(work)
    assert output(inbox.of(work)) == 3


def test_a_next_worker_that_cant_start_is_said_once(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = processes(1)
    others = [Gate(tmp_path, works, f"{i}") for i in range(5)]
    stuck = Gate(tmp_path, works, "stuck", block)
    for gate in (*others, stuck):
        executor.submit(gate.work)
        gate.until_begun()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    executor.cancel(stuck.work.key)
    for gate in others:
        failure = inbox.of(gate.work).failure
        assert failure is not None
        assert "/no/such/python" in failure.message
    assert len(inbox.receipts) == 5


PROGRAM = """
import os, sys, time
from pathlib import Path
from heliograph.engines.embedded.processes import ProcessExecutor
from tests.engines.harness import Inbox, Works

async def block(path):
    Path(path + ".tmp").write_text(str(os.getpid()))
    os.rename(path + ".tmp", path)
    sum(iter(int, 1))  # never lets go of the interpreter

executor = ProcessExecutor(Inbox(), 1)
executor.submit(Works(Path("values"))(block, sys.argv[1]))
time.sleep(600)
"""


def test_the_async_worker_dies_with_a_killed_program(tmp_path: Path) -> None:
    program = start("-c", PROGRAM, str(tmp_path / "pid"))
    try:
        until(lambda: (tmp_path / "pid").exists() or program.poll() is not None, "the task")
        pid = int((tmp_path / "pid").read_text())
        assert not is_gone(pid)
    finally:
        program.kill()
        program.communicate()
    until(lambda: is_gone(pid), "the async worker to die")
