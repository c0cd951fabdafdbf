"""One suite over both executors, and what only worker processes must stand."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.embedded import handle as handles
from heliograph.engines.embedded.lines import AHEAD, Lines
from heliograph.engines.embedded.processes import ProcessExecutor
from heliograph.engines.embedded.threads import ThreadExecutor
from heliograph.engines.executor import AttemptKey, Receipt
from heliograph.graph.pickling import loads
from tests.engines.harness import DEADLINE, Inbox, Works, is_alive, output, until

Make = Callable[..., Any]


@pytest.fixture
def closing() -> Iterator[list[Any]]:
    executors: list[Any] = []
    before = children()
    yield executors
    for executor in executors:
        executor.close()
    assert children() == before, "a worker is left"


@pytest.fixture(params=[ThreadExecutor, ProcessExecutor], ids=["threads", "processes"])
def make(request: pytest.FixtureRequest, inbox: Inbox, closing: list[Any]) -> Make:
    def make(count: int | None = 2) -> Any:
        closing.append(request.param(inbox, count))
        return closing[-1]

    return make


@pytest.fixture
def processes(inbox: Inbox, closing: list[Any]) -> Make:
    def processes(count: int | None = 2) -> ProcessExecutor:
        closing.append(ProcessExecutor(inbox, count))
        return closing[-1]

    return processes


def children() -> set[int]:
    """Processes started from here, zombies too."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has just ended
            found.update(map(int, (task / "children").read_text().split()))
    return found


def add(a: int, b: int) -> int:
    return a + b


def zeros(count: int) -> bytes:
    return bytes(count)


def sleep_until(path: str) -> str:
    """Say that the task runs, and go on when the test lets it."""
    Path(f"{path}.begun").touch()
    while not os.path.exists(path):
        time.sleep(0.002)
    return path


class Gate:
    """A task that runs until the test opens the gate."""

    def __init__(self, folder: Path, works: Works, name: str = "gate") -> None:
        self.path = folder / name
        self.work = works(sleep_until, str(self.path))

    @property
    def has_begun(self) -> bool:
        return Path(f"{self.path}.begun").exists()

    def await_begun(self) -> None:
        until(lambda: self.has_begun, "a task to begin")

    def open(self) -> None:
        self.path.touch()


# Both.


def test_a_trivial_task(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make()
    work = works(add, 1, 2)
    executor.submit(work)
    receipt = inbox.of(work)
    assert output(receipt) == 3
    assert receipt.phases.submitted is not None
    assert receipt.phases.started is not None
    assert receipt.phases.submitted <= receipt.phases.started
    assert receipt.resources.measured == ("shared" if isinstance(executor, ThreadExecutor) else "exclusive")


def test_every_attempt_gives_one_receipt(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make()
    given = [works(add, i, 1) for i in range(5_000)]
    for work in given:
        executor.submit(work)
    receipts = {receipt.key: output(receipt) for receipt in inbox.wait(len(given))}
    assert receipts == {work.key: i + 1 for i, work in enumerate(given)}
    assert not list(executor.running())
    executor.close()
    assert len(inbox.receipts) == len(given)


def test_one_worker_keeps_the_order(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make(1)
    given = [works(add, i, 1) for i in range(200)]
    for work in given:
        executor.submit(work)
    assert [receipt.key for receipt in inbox.wait(len(given))] == [work.key for work in given]


def test_failures_and_leaving(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make()
    failing = works(lambda: 1 / 0)
    leaving = works(sys.exit, 3)
    lock = works(threading.Lock)
    for work in (failing, leaving, lock):
        executor.submit(work)
    kinds = [inbox.of(work).failure.kind for work in (failing, leaving, lock)]  # type: ignore[union-attr]
    assert kinds == [
        "builtins.ZeroDivisionError",
        "builtins.SystemExit",
        "heliograph.errors.NotPicklableError",
    ]
    assert not any(receipt.failure.died for receipt in inbox.receipts)  # type: ignore[union-attr]
    work = works(add, 1, 2)
    executor.submit(work)
    assert output(inbox.of(work)) == 3


def test_deep_recursion(make: Make, works: Works, inbox: Inbox) -> None:
    def deep(n: int) -> int:
        return deep(n + 1)

    work = works(deep, 0)
    make().submit(work)
    failure = inbox.of(work).failure
    assert failure is not None
    assert failure.kind == "builtins.RecursionError"


def test_running(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    gate = Gate(tmp_path, works)
    queued = works(add, 1, 2)
    executor.submit(gate.work)
    executor.submit(queued)
    gate.await_begun()
    (running,) = until(lambda: list(executor.running()))
    assert running.key == gate.work.key
    assert running.submitted <= running.started <= time.time()
    gate.open()
    assert inbox.of(gate.work).worker == running.worker
    inbox.of(queued)


def test_cancel_while_queued(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    gate = Gate(tmp_path, works)
    dropped, kept = works(add, 1, 1), works(add, 1, 2)
    for work in (gate.work, dropped, kept):
        executor.submit(work)
    gate.await_begun()
    executor.cancel(dropped.key)
    gate.open()
    assert output(inbox.of(kept)) == 3
    assert [receipt.key for receipt in inbox.receipts] == [gate.work.key, kept.key]


@pytest.mark.filterwarnings("ignore:task .* is to stop:RuntimeWarning")
def test_cancel_while_running_frees_the_place(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    gate = Gate(tmp_path, works)
    next_one = works(add, 1, 2)
    executor.submit(gate.work)
    executor.submit(next_one)
    gate.await_begun()
    executor.cancel(gate.work.key)
    assert output(inbox.of(next_one)) == 3
    gate.open()
    for _ in range(3):
        work = works(add, 1, 2)
        executor.submit(work)
        inbox.of(work)
    assert gate.work.key not in {receipt.key for receipt in inbox.receipts}


def test_cancel_of_what_is_not_there(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make()
    executor.cancel(AttemptKey(1, 1, 1, 1))
    work = works(add, 1, 2)
    executor.submit(work)
    inbox.of(work)
    executor.cancel(work.key)
    again = works(add, 1, 2)
    executor.submit(again)
    assert output(inbox.of(again)) == 3


def test_close_with_a_task_running(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(2)
    gate = Gate(tmp_path, works)
    executor.submit(gate.work)
    gate.await_begun()
    for _ in range(50):
        executor.submit(works(add, 1, 1))
    executor.close()  # before the gate opens: it waits for no task
    executor.close()
    gate.open()
    with pytest.raises(RuntimeError):
        executor.submit(works(add, 1, 1))


def test_close_of_one_never_used(make: Make) -> None:
    make().close()


def test_a_hundred_megabytes(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make(2)
    big = [works(len, bytes(100_000_000)) for _ in range(3)]
    for work in big:
        executor.submit(work)
    assert [output(inbox.of(work)) for work in big] == [100_000_000] * 3
    huge = [works(zeros, 30_000_000) for _ in range(3)]
    for work in huge:
        executor.submit(work)
    outputs = [inbox.of(work).output for work in huge]
    assert all(found is not None and found.location is not None for found in outputs)


# Threads.


def test_a_cancelled_thread_is_said_once_and_replaced(works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = ThreadExecutor(inbox, 1)
    gate = Gate(tmp_path, works)
    executor.submit(gate.work)
    gate.await_begun()
    with pytest.warns(RuntimeWarning, match=f"task '{gate.work.task_id}' .* is to stop") as warned:
        executor.cancel(gate.work.key)
    executor.cancel(gate.work.key)  # a second warning would be an error
    assert len(warned) == 1
    work = works(add, 1, 2)
    executor.submit(work)
    inbox.of(work)
    gate.open()
    until(lambda: threads() == {"heliograph-thread-2"}, "the abandoned thread to end")
    executor.close()
    assert inbox.receipts[0].key == work.key
    assert len(inbox.receipts) == 1
    assert not threads()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("heliograph-thread")}


def test_a_warning_made_an_error_does_not_stop_the_engine(works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = ThreadExecutor(inbox, 1)
    gate = Gate(tmp_path, works)
    executor.submit(gate.work)
    gate.await_begun()
    executor.cancel(gate.work.key)  # warnings are errors in these tests
    gate.open()
    executor.close()


def test_a_thread_goes_on_with_what_its_receipt_brings(
    works: Works, inbox: Inbox, closing: list[Any], tmp_path: Path
) -> None:
    rest = [works(add, number, 1) for number in range(50)]

    def deliver(receipt: Any) -> None:
        if rest and not gates:
            executor.submit(rest.pop())
        inbox(receipt)

    executor = ThreadExecutor(deliver, 4)
    closing.append(executor)
    gates = [Gate(tmp_path, works, name) for name in "abcd"]
    for gate in gates:
        executor.submit(gate.work)
    for gate in gates:
        gate.await_begun()
        gate.open()
    inbox.wait(4)
    until(lambda: len(executor._asleep) == 4, "all threads to have nothing to do")
    gates.clear()
    executor.submit(rest.pop())
    chain = inbox.wait(54)[4:]
    assert len({receipt.worker.worker_id for receipt in chain}) == 1


def test_what_a_receipt_brings_besides_is_for_others(
    works: Works, inbox: Inbox, closing: list[Any], tmp_path: Path
) -> None:
    first, *gates = [Gate(tmp_path, works, name) for name in "abc"]

    def deliver(receipt: Any) -> None:
        if receipt.key == first.work.key:
            for gate in gates:
                executor.submit(gate.work)
            until(lambda: any(gate.has_begun for gate in gates), "another thread to take one")
        inbox(receipt)

    executor = ThreadExecutor(deliver, 2)
    closing.append(executor)
    executor.submit(first.work)
    first.await_begun()
    first.open()
    for gate in gates:
        gate.await_begun()
    for gate in gates:
        gate.open()
    inbox.wait(3)


def test_threads_are_started_as_needed(works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = ThreadExecutor(inbox, 8)
    for _ in range(20):
        work = works(add, 1, 1)
        executor.submit(work)
        inbox.of(work)
    assert len(executor._threads) <= 2
    gates = [Gate(tmp_path, works, f"gate{i}") for i in range(8)]
    for gate in gates:
        executor.submit(gate.work)
    for gate in gates:
        gate.await_begun()
    for gate in gates:
        gate.open()
    inbox.wait(28)
    executor.close()


# Processes.


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
    assert receipt.phases.started is not None
    after = works(os.getpid)
    executor.submit(after)
    assert output(inbox.of(after)) != receipt.worker.pid


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
    assert [running.key for running in executor.running()] == [blocked[1].key]
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
    assert is_alive(pid)
    executor.cancel(work.key) if how == "cancel" else executor.close()
    until(lambda: not is_alive(pid), "the subprocess to end")


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
    until(lambda: not is_alive(int((tmp_path / "pid").read_text())), "the subprocess to end")


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


def spoil_everything() -> None:
    os.closerange(3, 256)


def test_a_task_that_closes_the_workers_files(processes: Make, works: Works, inbox: Inbox) -> None:
    executor = processes(1)
    work = works(spoil_everything)
    executor.submit(work)
    died(inbox.of(work))
    after = works(add, 1, 2)
    executor.submit(after)
    assert output(inbox.of(after)) == 3


def talk_nonsense() -> None:
    for handle in range(3, 64):
        try:
            os.write(handle, b"\0\0\0\0\0\0\0\3abc")
        except OSError:
            continue


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


SCRIPT = """
import os, sys, threading, time
from pathlib import Path
from heliograph.engines.embedded.processes import ProcessExecutor
from tests.engines.harness import Inbox, Works, output

class Point:
    def __init__(self, x):
        self.x = x

def make(x):
    print("made", x)
    return Point(x)

works, inbox = Works(Path(sys.argv[1])), Inbox()
executor = ProcessExecutor(inbox, 2)
work = works(make, 5)
executor.submit(work)
point = output(inbox.of(work))
assert type(point) is Point and point.x == 5
"""
CLOSE = "executor.close()\n"
HANG = """
def burn(path):
    import subprocess
    child = subprocess.Popen(["sleep", "600"])
    Path(path + ".tmp").write_text(f"{os.getpid()} {child.pid}")
    os.rename(path + ".tmp", path)
    while True:  # never waits for anything
        pass

def hold(path):
    Path(path + ".tmp").write_text(f"{os.getpid()} {os.getpid()}")
    os.rename(path + ".tmp", path)
    sum(iter(int, 1))  # and never lets go of the interpreter

for function in (burn, hold):
    executor.submit(works(function, f"{sys.argv[1]}/{function.__name__}"))
time.sleep(600)
"""


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


@pytest.mark.parametrize("way", ["script", "command", "prompt"])
def test_programs_without_a_main_guard(way: str, tmp_path: Path) -> None:
    text = SCRIPT + CLOSE
    if way == "script":
        (tmp_path / "script.py").write_text(text)
        program = start(str(tmp_path / "script.py"), str(tmp_path))
    elif way == "command":
        program = start("-c", text, str(tmp_path))
    else:
        program = start("-", str(tmp_path), stdin=subprocess.PIPE)
    out, err = program.communicate(text if way == "prompt" else None, timeout=DEADLINE)
    assert (program.returncode, out, err) == (0, "made 5\n", "")


def test_a_program_that_forgets_to_close_ends_and_leaves_no_worker(tmp_path: Path) -> None:
    program = start("-c", SCRIPT + "print(work and inbox.of(work).worker.pid)", str(tmp_path))
    out, _ = program.communicate(timeout=DEADLINE)
    assert program.returncode == 0
    until(lambda: not is_alive(int(out.split()[-1])), "the worker to end")


def test_workers_die_with_a_killed_program_in_the_middle_of_a_task(tmp_path: Path) -> None:
    program = start("-c", SCRIPT + HANG, str(tmp_path))
    try:
        for name in ("burn", "hold"):
            until(lambda name=name: (tmp_path / name).exists() or program.poll() is not None, name)
        pids = [int(pid) for name in ("burn", "hold") for pid in (tmp_path / name).read_text().split()]
        assert all(map(is_alive, pids))
    finally:
        program.kill()
        program.communicate()
    until(lambda: not any(map(is_alive, pids)), "workers and their subprocesses to die")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_is_left_open(works: Works, inbox: Inbox) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    def once() -> None:
        executor = ProcessExecutor(inbox, 2)
        for work in (works(add, 1, 1), works(kill_me)):
            executor.submit(work)
            inbox.of(work)
        executor.close()

    once()
    before = opened()
    once()
    assert opened() == before


def test_a_worker_imports_little() -> None:
    program = start("-c", "import heliograph.engines.embedded.worker, sys; print(*sys.modules)")
    out, err = program.communicate(timeout=DEADLINE)
    assert not err
    heavy = {"sqlalchemy", "rich", "typer", "fsspec", "psutil", "asyncio", "multiprocessing"}
    heavy |= {"heliograph.workflow", "heliograph.storage.store"}
    assert not heavy & set(out.split())
