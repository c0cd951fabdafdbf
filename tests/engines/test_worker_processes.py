"""What only worker processes must stand."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.attempts.executor import Receipt, Work
from heliograph.engines.compensation import compensated
from heliograph.engines.embedded import handle as handles
from heliograph.engines.embedded import lines
from heliograph.engines.embedded.lines import AHEAD, Lines
from heliograph.engines.embedded.processes import ProcessExecutor
from heliograph.engines.embedded.protocol import TICKETS
from heliograph.graph.pickling import loads
from tests.conditions import DEADLINE, is_gone, until
from tests.engines.conftest import Make
from tests.engines.harness import Inbox, Works, add, children, output, own_files, sleep_until, talk_nonsense

MB = 1_000_000


def died(receipt: Receipt) -> Any:
    failure = receipt.failure
    assert failure is not None
    assert failure.died
    assert failure.kind == "heliograph.errors.WorkerDiedError"
    assert "heliograph.errors.WorkflowError" in failure.lineage
    assert str(loads(failure.error)) == failure.message  # type: ignore[arg-type]
    return failure


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_by(number: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "cause"),
    [(signal.SIGTERM, "Somebody sent that"), (signal.SIGSEGV, "native code"), (signal.SIGKILL, "memory")],
)
def test_what_usually_sends_a_signal_is_said(
    processes: Make, works: Works, inbox: Inbox, number: signal.Signals, cause: str
) -> None:
    executor = processes()
    work = works(end_by, number)
    executor.submit(work)
    message = died(inbox.of(work)).message
    assert f"was killed by {number.name}" in message
    assert cause in message


def test_how_a_worker_ended_is_not_guessed(processes: Make, works: Works, inbox: Inbox) -> None:
    """Of a child whose end the program does not want to hear of, Popen says that it exited with 0."""
    executor = processes()
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as many a daemon does
    try:
        work = works(kill_me)
        executor.submit(work)
        receipt = inbox.of(work)
    finally:
        signal.signal(signal.SIGCHLD, before)
    message = died(receipt).message
    assert "ignores SIGCHLD" in message
    assert "code 0" not in message
    assert (receipt.resources.signal, receipt.resources.exit_code) == (None, None)


def test_a_killed_worker(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes()
    work = works(kill_me)
    executor.submit(work)
    receipt = inbox.of(work)
    failure = died(receipt)
    assert f"task '{work.task_id}'" in failure.message
    assert "SIGKILL" in failure.message
    assert "memory" in failure.message
    assert (receipt.resources.signal, receipt.resources.exit_code) == (signal.SIGKILL, None)
    assert receipt.resources.measured == "exclusive"
    assert receipt.phases.started is not None
    after = works(os.getpid)
    executor.submit(after)
    assert output(inbox.of(after)) != receipt.worker.pid


def hold_and_die(held: int, has_child: bool) -> None:
    if has_child:
        subprocess.run(["true"], check=True)
    kept = bytearray(b"x") * held
    os.kill(os.getpid(), signal.SIGKILL)
    del kept


def hold(held: int) -> int:
    return len(bytearray(b"x") * held)


def test_how_much_memory_a_killed_attempt_had_is_known(processes: Make, works: Works, inbox: Inbox) -> None:
    """Not what its worker had in an attempt before; and nothing, where a subprocess may have had it."""
    executor = processes(1)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # no less than that can be told
    work = works(hold, most + 300 * MB)
    executor.submit(work)
    output(inbox.of(work))
    for held, has_child, is_known in ((100 * MB, False, True), (100 * MB, True, False)):
        work = works(hold_and_die, most + held, has_child)
        executor.submit(work)
        receipt = inbox.of(work)
        assert receipt.resources.signal == signal.SIGKILL
        peak = receipt.resources.peak_rss
        assert (peak is not None) is is_known
        assert peak is None or most + held < peak < most + held + 100 * MB


def test_a_worker_that_exits(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes()
    work = works(os._exit, 5, catch=True)
    executor.submit(work)
    receipt = inbox.of(work)
    assert "exited with code 5" in died(receipt).message
    assert (receipt.resources.signal, receipt.resources.exit_code) == (None, 5)
    assert receipt.caught is not None
    assert receipt.caught.data is not None
    nothing, error = loads(receipt.caught.data)
    assert nothing is None
    assert type(error).__name__ == "WorkerDiedError"


def test_only_the_task_that_died_is_hurt(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes()
    given = []
    for i in range(400):
        given.append(works(kill_me) if i % 40 == 20 else works(add, i, 1))
        executor.submit(given[-1])
    for i, work in enumerate(given):
        receipt = inbox.of(work)
        if i % 40 == 20:
            died(receipt)
        else:
            assert output(receipt) == i + 1


def maybe_kill(i: int) -> int:
    """One function for both, so that it has proven short when it kills."""
    if i % 40 == 20:
        kill_me()
    return i


def test_what_was_sent_ahead_to_a_worker_that_dies_runs_once_elsewhere(
    processes: Make, works: Works, inbox: Inbox
) -> None:
    executor = processes()
    given = [works(maybe_kill, i) for i in range(400)]
    for work in given:
        executor.submit(work)
    receipts = inbox.wait(len(given))
    assert len({receipt.key for receipt in receipts}) == len(given)
    for i, work in enumerate(given):
        receipt = inbox.of(work)
        if i % 40 == 20:
            died(receipt)
        else:
            assert output(receipt) == i


def test_an_idle_worker_that_dies_is_replaced(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    first = works(os.getpid)
    executor.submit(first)
    pid = output(inbox.of(first))
    os.kill(pid, signal.SIGKILL)
    until(lambda: children() - {pid} and pid not in children(), "a new worker")
    second = works(os.getpid)
    executor.submit(second)
    assert output(inbox.of(second)) != pid
    assert len(inbox.receipts) == 2


def test_warm_starts_all_of_them(processes: Make) -> None:
    executor = processes(3)
    before = children()
    executor.warm()
    until(lambda: len(children() - before) == 3, "three workers")


def test_the_other_workers_follow_the_first(
    processes: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, go = tmp_path / "arrived", tmp_path / "go"
    held = (
        "import pathlib, time\n"
        f"pathlib.Path({str(arrived)!r}).touch()\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    )
    monkeypatch.setattr(handles, "_BOOT", held + handles._BOOT)
    before = children()
    processes(4).warm()
    until(arrived.exists)
    assert len(children() - before) == 1
    go.touch()
    until(lambda: len(children() - before) == 4)


HOLDS = """
import os, socket
from heliograph.engines.embedded.worker import _Line
ours, theirs = socket.socketpair()
tickets, pool = os.pipe()
os.set_blocking(tickets, False)
line = _Line(theirs.fileno(), tickets, os.open(os.devnull, os.O_RDONLY))
os.write(pool, bytes([12, 13]))
print([line._begin(ticket) for ticket in (10, 11, 12)], list(os.read(tickets, 256)), line._begin(13))
"""


def test_a_worker_that_passes_over_several_holds_no_more_than_one_ticket() -> None:
    told = subprocess.run([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, check=True, text=True)
    assert told.stdout == "[False, False, True] [13] False\n"


def short_then_long(path: str) -> str:
    return sleep_until(path) if path else path


def test_nothing_waits_behind_a_long_task_while_a_worker_is_idle(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = processes(2)
    for _ in range(50):  # the function proves short
        executor.submit(works(short_then_long, ""))
    inbox.wait(50)
    gates = [str(tmp_path / name) for name in ("a", "b")]
    blocked = [works(short_then_long, gate) for gate in gates]
    behind = [works(short_then_long, "") for _ in range(8)]
    for work in (*blocked, *behind):
        executor.submit(work)
    for gate in gates:
        until(Path(f"{gate}.begun").exists)
    Path(gates[0]).touch()
    for work in (blocked[0], *behind):  # those sent ahead behind the second gate too
        inbox.of(work)
    assert [running.key for running in executor.running(works.keys)] == [blocked[1].key]
    Path(gates[1]).touch()
    inbox.of(blocked[1])
    assert len(inbox.receipts) == 60


def test_nothing_waits_behind_a_long_task_while_others_are_served(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = processes(2)
    for _ in range(50):
        executor.submit(works(short_then_long, ""))
    inbox.wait(50)
    gate = str(tmp_path / "gate")
    blocked = works(short_then_long, gate)
    early = [works(short_then_long, "") for _ in range(AHEAD * 2)]
    for work in (blocked, *early):
        executor.submit(work)
    until(Path(f"{gate}.begun").exists)
    later = [works(short_then_long, "") for _ in range(2_000)]
    for work in later:
        executor.submit(work)
    for work in (*early, *later):
        inbox.of(work)
    order = [receipt.key for receipt in inbox.receipts]
    assert max(order.index(work.key) for work in early) < 1_500
    Path(gate).touch()
    inbox.of(blocked)


def test_a_function_has_proven_short_whichever_workflow_it_is_of(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "STUCK_SECONDS", DEADLINE)  # nothing is taken back
    executor = processes(1)
    for _ in range(20):
        executor.submit(works(short_then_long, ""))
    inbox.wait(20)
    gate = str(tmp_path / "gate")
    of_another = replace(works.payload(short_then_long), token=99)
    given = [works(short_then_long, path)._replace(function=of_another) for path in (gate, "", "")]
    for work in given:
        executor.submit(work)
    (handle,) = executor._pool._handles
    until(lambda: [attempt.work.key for attempt in handle.line] == [work.key for work in given])
    Path(gate).touch()
    inbox.wait(23)


def test_cancel_of_what_was_sent_ahead(processes: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = processes(1)
    for _ in range(20):
        executor.submit(works(short_then_long, ""))
    inbox.wait(20)
    gate = str(tmp_path / "gate")
    blocked, dropped, kept = (works(short_then_long, path) for path in (gate, "", ""))
    for work in (blocked, dropped, kept):
        executor.submit(work)
    until(Path(f"{gate}.begun").exists)
    executor.cancel(dropped.key)
    Path(gate).touch()
    pid = inbox.of(blocked).worker.pid
    assert inbox.of(kept).worker.pid == pid
    assert dropped.key not in {receipt.key for receipt in inbox.receipts}


def test_a_worker_that_stands_still_answers_for_nothing_but_what_it_was_given(
    processes: Make, works: Works, inbox: Inbox
) -> None:
    executor = processes(1)
    warm = works(add, 0, 0)
    executor.submit(warm)
    inbox.of(warm)
    (handle,) = executor._pool._handles

    def give(work: Work) -> None:
        executor.submit(work)
        until(lambda: work.key in {one.key for one in (*executor.running(works.keys), *inbox.receipts)})

    os.kill(handle.worker.pid, signal.SIGSTOP)
    for number in range(TICKETS):
        dropped = works(add, number, 1_000)
        give(dropped)
        executor.cancel(dropped.key)
    last = works(add, 2, 3)
    give(last)
    with contextlib.suppress(ProcessLookupError):
        os.kill(handle.worker.pid, signal.SIGCONT)
    assert output(inbox.of(last)) == 5


def test_cancel_kills_only_what_is_cancelled(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(2)
    kept, dropped = [], []
    for i in range(3_000):
        work = works(add, i, 1)
        executor.submit(work)
        (dropped if i % 7 == 3 else kept).append(work)
        if i % 7 == 3:
            executor.cancel(dropped[-(i % 3 + 1) if len(dropped) > 3 else -1].key)
    for work in kept:
        inbox.of(work)
    assert all(receipt.failure is None for receipt in inbox.receipts)


def spawn_and_wait(path: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(path).write_text(str(child.pid))
    Path(path).rename(f"{path}.begun")
    child.wait()


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_subprocesses_of_a_task_end_with_it(processes: Make, works: Works, how: str, tmp_path: Path) -> None:
    executor = processes(1)
    work = works(spawn_and_wait, str(tmp_path / "pid"))
    executor.submit(work)
    until((tmp_path / "pid.begun").exists)
    pid = int((tmp_path / "pid.begun").read_text())
    assert not is_gone(pid)
    executor.cancel(work.key) if how == "cancel" else executor.close()
    until(lambda: is_gone(pid), "the subprocess to end")


def spawn_and_die(path: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(path).write_text(str(child.pid))
    kill_me()


def test_subprocesses_of_a_dead_worker_end_too(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = processes(1)
    work = works(spawn_and_die, str(tmp_path / "pid"))
    executor.submit(work)
    died(inbox.of(work))
    until(lambda: is_gone(int((tmp_path / "pid").read_text())), "the subprocess to end")


def fork_and_return() -> int:
    return os.fork()


def fork_and_linger() -> int:
    pid = os.fork()
    if not pid:
        time.sleep(600)
    return pid


def test_a_task_that_forks(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    for function in (fork_and_return, fork_and_linger):
        work = works(function)
        executor.submit(work)
        assert output(inbox.of(work)) > 0
    again = works(kill_me)
    executor.submit(again)
    died(inbox.of(again))  # though the child that lingers has copies of whatever was open
    assert len(inbox.receipts) == 3


def die_under_a_strange_name() -> None:
    Path("/proc/self/comm").write_bytes(b"\xff) S 1")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="renames itself in /proc")
def test_a_worker_that_dies_under_a_name_that_is_no_text(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    work = works(die_under_a_strange_name)
    executor.submit(work)
    died(inbox.of(work))
    after = works(add, 1, 2)
    executor.submit(after)
    assert output(inbox.of(after)) == 3


def spoil_everything() -> None:
    for file in own_files():
        with contextlib.suppress(OSError):
            os.close(file)


def test_a_task_that_closes_the_workers_files(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    work = works(spoil_everything)
    executor.submit(work)
    died(inbox.of(work))
    after = works(add, 1, 2)
    executor.submit(after)
    assert output(inbox.of(after)) == 3


def test_a_task_that_writes_into_the_workers_line(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    work = works(talk_nonsense)
    executor.submit(work)
    died(inbox.of(work))
    after = works(add, 1, 2)
    executor.submit(after)
    assert output(inbox.of(after)) == 3


def test_workers_that_cant_start_are_said(
    processes: Make, works: Works, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "_BOOT", "import sys; sys.exit(3)")
    executor = processes(2)
    given = [works(add, 1, 2) for _ in range(5)]
    for work in given:
        executor.submit(work)
    for work in given:
        failure = inbox.of(work).failure
        assert failure is not None
        assert not failure.died
        assert "worker processes can't be started" in failure.message
        assert "exited with code 3" in failure.message
    monkeypatch.undo()
    work = works(add, 1, 2)
    executor.submit(work)
    assert output(inbox.of(work)) == 3


def test_no_interpreter(processes: Make, works: Works, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    executor = processes(2)
    work = works(add, 1, 2)
    executor.submit(work)
    failure = inbox.of(work).failure
    assert failure is not None
    assert "/no/such/python" in failure.message


def test_a_fault_of_the_pool_itself_leaves_nobody_waiting(
    processes: Make, works: Works, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Lines, _is_alone: bool) -> None:
        raise AssertionError("a bug")

    executor = processes(2)
    first = works(add, 1, 2)
    executor.submit(first)
    inbox.of(first)
    monkeypatch.setattr(Lines, "feed", broken)
    work = works(add, 1, 2)
    executor.submit(work)
    failure = inbox.of(work).failure
    assert failure is not None
    assert "a bug" in failure.message
    until(lambda: not executor._pool._thread.is_alive())
    with pytest.raises(RuntimeError):
        executor.submit(work)


def environment() -> tuple[Any, ...]:
    return (
        sys.path,
        os.getcwd(),
        sys.argv,
        os.environ.get("HELIOGRAPH_TEST"),
        sys.flags.optimize,
        os.getsid(0),
    )


def test_a_worker_is_like_the_program(
    processes: Make, works: Works, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HELIOGRAPH_TEST", "yes")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "more modules"))
    work = works(environment)
    processes().submit(work)
    path, folder, argv, variable, optimize, session = output(inbox.of(work))
    assert path == sys.path
    assert folder == str(tmp_path)
    assert argv == sys.argv
    assert variable == "yes"
    assert optimize == sys.flags.optimize
    assert session == inbox.of(work).worker.pid


def test_nothing_is_left_open(works: Works, inbox: Inbox) -> None:
    def once() -> None:
        executor = ProcessExecutor(inbox, 2)
        for work in (works(add, 1, 1), works(kill_me)):
            executor.submit(work)
            inbox.of(work)
        executor.close()

    once()
    before = len(own_files())
    once()
    assert len(own_files()) == before


def wait_elsewhere(path: str) -> int:
    """As who waits for a workflow that another process runs."""
    with compensated(Future(), is_elsewhere=True):
        until(lambda: os.path.exists(path))
    return os.getpid()


@pytest.mark.parametrize("end", ["goes on", "is cancelled", "is killed"])
def test_a_worker_that_only_waits_is_made_up_for_as_long_as_it_does(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path, end: str
) -> None:
    before = children()
    executor = processes(1)
    paths = [tmp_path / f"{number}" for number in range(2)]
    waiting = [works(wait_elsewhere, str(path)) for path in paths]
    added = works(add, 1, 2)
    for work in (*waiting, added):
        executor.submit(work)
    assert output(inbox.of(added)) == 3
    assert len(children() - before) == 3
    pids = {one.key: one.worker.pid for one in executor.running(works.keys)}
    for path, work in zip(paths, waiting, strict=True):
        match end:
            case "goes on":
                path.touch()
                assert output(inbox.of(work)) == pids[work.key]
            case "is cancelled":
                executor.cancel(work.key)
            case "is killed":
                os.kill(pids[work.key], signal.SIGKILL)
                died(inbox.of(work))
    until(lambda: len(children() - before) == 1, "those that are one too many to end")
    after = [works(add, number, 0) for number in range(5)]
    for work in after:
        executor.submit(work)
    assert [output(inbox.of(work)) for work in after] == [0, 1, 2, 3, 4]


def test_no_more_workers_leave_than_were_added(
    processes: Make, works: Works, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[handles.WorkerHandle] = []

    def leave(handle: handles.WorkerHandle) -> None:  # and take long to end
        handle.is_leaving = True
        told.append(handle)

    monkeypatch.setattr(handles.WorkerHandle, "leave", leave)
    executor = processes(1)
    go_on = tmp_path / "go on"
    waiting = [works(wait_elsewhere, str(go_on)) for _ in range(2)]
    added = works(os.getpid)
    for work in (*waiting, added):
        executor.submit(work)
    third = output(inbox.of(added))
    go_on.touch()
    left = {output(inbox.of(work)) for work in waiting}
    after = works(os.getpid)
    executor.submit(after)
    assert output(inbox.of(after)) == third
    assert {handle.worker.pid for handle in told} == left
