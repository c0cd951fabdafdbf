"""One suite over both executors, and what only threads must stand."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.attempts.executor import AttemptKey
from heliograph.engines.embedded.threads import ThreadExecutor
from tests.conditions import until
from tests.engines.conftest import Make
from tests.engines.harness import Gate, Inbox, Works, add, output


def zeros(count: int) -> bytes:
    return bytes(count)


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
    assert not list(executor.running(works.keys))
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
    lock = works(lambda: threading.Lock())
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
    (running,) = until(lambda: list(executor.running(works.keys)))
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


def test_close_of_one_never_used(make: Make, works: Works) -> None:
    executor = make()
    executor.close()
    with pytest.raises(RuntimeError):
        executor.submit(works(add, 1, 1))


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
    until(lambda: not threads(), "the other one to end")


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("heliograph-thread")}


@pytest.mark.filterwarnings("ignore:task .* is to stop:RuntimeWarning")
def test_what_is_cancelled_with_a_running_attempt_does_not_begin_in_its_place(
    works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = ThreadExecutor(inbox, 1)
    gate, traces = Gate(tmp_path, works), [tmp_path / f"{number}" for number in range(500)]
    queued = [works(Path.touch, trace) for trace in traces]
    for work in (gate.work, *queued):
        executor.submit(work)
    gate.await_begun()
    executor.cancel(gate.work.key, *(work.key for work in queued))
    executor.submit(last := works(add, 1, 2))
    assert output(inbox.of(last)) == 3
    gate.open()
    until(lambda: threads() == {"heliograph-thread-2"}, "the abandoned thread to end")
    assert not [trace for trace in traces if trace.exists()]
    executor.close()


def test_a_warning_made_an_error_does_not_stop_the_engine(works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = ThreadExecutor(inbox, 1)
    gate = Gate(tmp_path, works)
    executor.submit(gate.work)
    gate.await_begun()
    executor.cancel(gate.work.key)  # warnings are errors in these tests
    executor.submit(work := works(add, 1, 2))
    assert output(inbox.of(work)) == 3
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
