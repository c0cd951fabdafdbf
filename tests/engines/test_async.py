"""Async attempts on both executors: any number at once, each with its own context and its own end."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.attempts.executor import AttemptKey, Work
from heliograph.engines.embedded.threads import ThreadExecutor
from heliograph.graph.pickling import loads
from heliograph.records.context import running as running_here
from tests.conditions import is_gone, until
from tests.engines.conftest import Make
from tests.engines.coroutines import Gate, add, begun, opened, take_no_hint
from tests.engines.harness import Inbox, Works, output


def plain_add(a: int, b: int) -> int:
    return a + b


def kinds(inbox: Inbox, *works: Work) -> list[str]:
    return [inbox.of(work).failure.kind for work in works]  # type: ignore[union-attr]


def until_running(executor: Any, *works: Work) -> None:
    """That they began is known a moment after they did: a worker process has to say so."""
    keys = {work.key for work in works}
    until(lambda: {running.key for running in executor.running(keys)} == keys, "the executor to know")


# Both.


def test_an_output(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make(1)
    work = works(add, 1, 2)
    executor.submit(work)
    receipt = inbox.of(work)
    assert output(receipt) == 3
    phases = receipt.phases
    order = [phases.submitted, phases.started, phases.loaded, phases.finished, phases.serialised]
    assert None not in order
    assert order == sorted(order)  # type: ignore[type-var]
    used = receipt.resources
    assert used.measured == "shared"
    assert used.cpu_time is None


def test_every_attempt_gives_one_receipt(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make(1)
    given = [works(add, i, 1) for i in range(3_000)]
    for work in given:
        executor.submit(work)
    receipts = {receipt.key: output(receipt) for receipt in inbox.wait(len(given))}
    assert receipts == {work.key: i + 1 for i, work in enumerate(given)}
    assert not list(executor.running(works.keys))
    executor.close()
    assert len(inbox.receipts) == len(given)


def test_many_wait_in_one_worker_and_end_in_any_order(
    make: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = make(1)
    gates = [Gate(tmp_path, works, f"{i}") for i in range(20)]
    for gate in gates:
        executor.submit(gate.work)
    assert len({gate.until_begun() for gate in gates}) == 1
    until_running(executor, *(gate.work for gate in gates))
    for gate in reversed(gates):
        gate.open()
        assert output(inbox.of(gate.work)) == str(gate.path)
    assert [receipt.key for receipt in inbox.receipts] == [gate.work.key for gate in reversed(gates)]


def test_async_ones_occupy_no_worker_of_the_others(
    make: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = make(1)
    gate = Gate(tmp_path, works, "gate")
    executor.submit(gate.work)
    gate.until_begun()
    work = works(plain_add, 1, 2)
    executor.submit(work)
    assert output(inbox.of(work)) == 3
    until_running(executor, gate.work)
    assert inbox.of(work).worker.worker_id != next(iter(executor.running(works.keys))).worker.worker_id
    gate.open()
    inbox.of(gate.work)


async def who(path: str) -> list[str]:
    async def asked() -> str:
        current = running_here.get()
        assert current is not None
        return current.task_id

    first = await asked()
    begun(path)
    await opened(path)
    return [first, await asked(), await asyncio.create_task(asked()), await asyncio.to_thread(asked_plainly)]


def asked_plainly() -> str:
    current = running_here.get()
    assert current is not None
    return current.task_id


def test_each_coroutine_has_its_own_context(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    gates = [Gate(tmp_path, works, f"{i}", who) for i in range(5)]
    for gate in gates:
        executor.submit(gate.work)
    for gate in gates:
        gate.until_begun()
    for gate in gates:
        gate.open()
    for gate in gates:
        assert output(inbox.of(gate.work)) == [gate.work.task_id] * 4


async def fail() -> None:
    await asyncio.sleep(0)
    raise KeyError("gone")


async def leave() -> None:
    sys.exit(3)


async def cancel_myself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def give_a_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def leave_in_a_task_of_its_own() -> str:
    task = asyncio.create_task(leave())
    try:
        await task
    except SystemExit:
        return "left"
    return "stayed"


def test_failures_and_leaving(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    bystander = Gate(tmp_path, works, "bystander")
    executor.submit(bystander.work)
    given = [works(function) for function in (fail, leave, cancel_myself, give_a_loop)]
    inner = works(leave_in_a_task_of_its_own)
    for work in (*given, inner):
        executor.submit(work)
    assert kinds(inbox, *given) == [
        "builtins.KeyError",
        "builtins.SystemExit",
        "asyncio.exceptions.CancelledError",
        "heliograph.errors.NotPicklableError",
    ]
    assert output(inbox.of(inner)) == "left"
    assert not any(receipt.failure.died for receipt in inbox.receipts if receipt.failure)
    bystander.open()
    assert output(inbox.of(bystander.work)) == str(bystander.path)


def test_an_exception_that_is_caught(make: Make, works: Works, inbox: Inbox) -> None:
    work = works(fail, catch=True)
    make(1).submit(work)
    caught = inbox.of(work).caught
    assert caught is not None
    assert caught.data is not None
    nothing, error = loads(caught.data)
    assert (nothing, type(error)) == (None, KeyError)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def run_at_once(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return asyncio.run(function(*args))

    return wrapper


class Callee:
    async def __call__(self, a: int) -> int:
        return a + 1

    async def method(self, a: int) -> int:
        return a + 1


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(add, 1),
        functools.partial(functools.partial(add), 1),
        functools.partial(logged(add), 1),
        logged(functools.partial(add, 1)),
        Callee(),
        Callee().method,
        run_at_once(functools.partial(add, 1)),
    ],
    ids=[
        "partial",
        "partials",
        "partial of wrapped",
        "wrapped partial",
        "object",
        "method",
        "runs by itself",
    ],
)
def test_what_is_async_is_seen_through_what_is_around_it(
    make: Make, works: Works, inbox: Inbox, function: Any
) -> None:
    work = works(function, 2)
    assert work.function.is_async
    make(1).submit(work)
    assert output(inbox.of(work)) == 3


def test_what_is_not() -> None:
    works = Works(Path())
    assert not works.payload(plain_add).is_async
    assert not works.payload(functools.partial(plain_add, 1)).is_async
    assert not works.payload(len).is_async


async def note_the_end(path: str) -> None:
    begun(path)
    try:
        await asyncio.sleep(600)
    finally:
        Path(f"{path}.ended").touch()


def test_cancel_ends_one_coroutine_and_no_other(
    make: Make, works: Works, inbox: Inbox, tmp_path: Path
) -> None:
    executor = make(1)
    other, gate = Gate(tmp_path, works, "other"), Gate(tmp_path, works, "gate", note_the_end)
    for one in (other, gate):
        executor.submit(one.work)
    pids = {one.until_begun() for one in (other, gate)}
    executor.cancel(gate.work.key)
    until(Path(f"{gate.path}.ended").exists, "the coroutine to end")
    assert [running.key for running in executor.running(works.keys)] == [other.work.key]
    other.open()
    assert inbox.of(other.work).worker.pid in pids
    assert len(inbox.receipts) == 1


def test_cancel_before_it_begins_and_after_it_ended(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make(1)
    executor.cancel(AttemptKey(1, 1, 1, 1))
    dropped, kept = [], []
    for i in range(1_000):
        work = works(add, i, 1)
        executor.submit(work)
        (dropped if i % 2 else kept).append(work)
        if i % 2:
            executor.cancel(work.key)
    for work in kept:
        inbox.of(work)
        executor.cancel(work.key)
    executor.cancel(dropped[0].key)
    last = works(add, 1, 2)
    executor.submit(last)
    inbox.of(last)
    assert len({receipt.key for receipt in inbox.receipts}) == len(inbox.receipts)
    assert not list(executor.running(works.keys))


def test_ten_thousand_at_once(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    path = str(tmp_path / "gate")
    given = [works(wait_for_all, path) for _ in range(10_000)]
    for work in given:
        executor.submit(work)
    until(lambda: Path(f"{path}.begun").exists(), "the last to begin")
    until_running(executor, *given)
    for work in given[:5_000]:
        executor.cancel(work.key)
    Path(path).touch()
    receipts = inbox.wait(5_000)
    assert all(output(receipt) is None for receipt in receipts)
    assert {receipt.key for receipt in receipts} == {work.key for work in given[5_000:]}
    assert len(receipts) == 5_000


_waiting: list[asyncio.Future[None]] = []


async def wait_for_all(path: str) -> None:
    """Ten thousand tasks, and one of them looks whether they may go on."""
    loop = asyncio.get_running_loop()
    mine = loop.create_future()
    _waiting.append(mine)
    if len(_waiting) == 10_000:
        begun(path)
        watcher = loop.create_task(let_go(path))
        mine.add_done_callback(lambda _: watcher)
    await mine


async def let_go(path: str) -> None:
    await opened(path)
    for one in _waiting:
        if not one.done():
            one.set_result(None)
    _waiting.clear()


def test_close_ends_what_waits(make: Make, works: Works, inbox: Inbox, tmp_path: Path) -> None:
    executor = make(1)
    gate = Gate(tmp_path, works, "gate", note_the_end)
    executor.submit(gate.work)
    pid = gate.until_begun()
    executor.close()
    assert Path(f"{gate.path}.ended").exists()
    assert pid == os.getpid() or is_gone(pid)
    assert not inbox.receipts
    with pytest.raises(RuntimeError):
        executor.submit(works(add, 1, 1))


async def large(data: bytes) -> bytes:
    return data


def test_large_arguments_and_outputs(make: Make, works: Works, inbox: Inbox) -> None:
    executor = make(1)
    given = [works(large, bytes(20_000_000)) for _ in range(3)]
    for work in given:
        executor.submit(work)
    for work in given:
        found = inbox.of(work).output
        assert found is not None
        assert found.location is not None


# Threads.


def test_a_coroutine_in_a_thread_that_takes_no_hint_is_said(
    works: Works, inbox: Inbox, tmp_path: Path, closing: list[Any], recwarn: pytest.WarningsRecorder
) -> None:
    executor = ThreadExecutor(inbox, 1)
    closing.append(executor)
    gate = Gate(tmp_path, works, "gate", take_no_hint)
    executor.submit(gate.work)
    gate.until_begun()
    executor.cancel(gate.work.key)
    until(lambda: [w for w in recwarn if "goes on after asyncio.CancelledError" in str(w.message)])
    work = works(add, 1, 2)
    executor.submit(work)
    assert output(inbox.of(work)) == 3
    gate.open()
    executor.close()
    assert len(inbox.receipts) == 1


def has(inbox: Inbox, work: Work) -> bool:
    return any(receipt.key == work.key for receipt in inbox.receipts)


async def block(path: str) -> str:
    begun(path)
    while not os.path.exists(path):
        time.sleep(0.005)
    return path


@pytest.mark.filterwarnings("ignore:async tasks wait")
def test_a_coroutine_in_a_thread_that_blocks_holds_up_none_that_begin_later(
    works: Works, inbox: Inbox, closing: list[Any], tmp_path: Path
) -> None:
    executor = ThreadExecutor(inbox, 1)
    closing.append(executor)
    beside = Gate(tmp_path, works, "beside")
    executor.submit(beside.work)
    beside.until_begun()
    blocking = [Gate(tmp_path, works, name, block) for name in ("first", "second")]
    for gate in blocking:
        executor.submit(gate.work)
    blocking[0].until_begun()
    later = works(add, 1, 2)
    executor.submit(later)
    cancelled = works(add, 3, 4)
    executor.submit(cancelled)
    executor.cancel(cancelled.key)

    def is_done() -> bool:
        executor.running(works.keys)  # as the loop asks, while it has not seen them run
        return has(inbox, later)

    until(is_done, "what came later")
    assert output(inbox.of(later)) == 3
    executor.cancel(blocking[0].work.key)
    assert blocking[0].work.key not in {one.key for one in executor.running(works.keys)}
    for gate in (*blocking, beside):
        gate.open()
    assert output(inbox.of(beside.work)) == str(beside.path)
    assert output(inbox.of(blocking[1].work)) == str(blocking[1].path)
    assert not has(inbox, cancelled)
    assert not has(inbox, blocking[0].work)
