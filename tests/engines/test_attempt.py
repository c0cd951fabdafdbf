from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.attempts import measure
from heliograph.engines.attempts.attempt import Functions, run_attempt
from heliograph.engines.attempts.executor import Payload, Receipt, Work
from heliograph.errors import RemoteError
from heliograph.graph.pickling import dumps, loads
from heliograph.records.attempt import Phases, Worker
from heliograph.storage.values.value_store import ValueStore
from heliograph.storage.values.writing import INLINE_LIMIT
from tests.engines.harness import Input, Works, output, unheard, value

WORKER = Worker("host", os.getpid(), "here")


def run(work: Work, measured: Any = "exclusive") -> Receipt:
    return run_attempt(work, WORKER, time.time(), measured, Functions(), unheard)


def order(phases: Phases) -> list[float]:
    assert None not in (phases.started, phases.loaded, phases.finished, phases.serialised)
    return [phases.submitted, phases.started, phases.loaded, phases.finished, phases.serialised]  # type: ignore[list-item]


def test_an_output_and_its_phases(works: Works) -> None:
    work = works(math.hypot, 3, 4)
    receipt = run(work)
    assert output(receipt) == 5.0
    assert (receipt.key, receipt.worker, receipt.caught) == (work.key, WORKER, None)
    assert receipt.output is not None
    assert receipt.output.kind == "builtins.float"
    assert order(receipt.phases) == sorted(order(receipt.phases))


def test_phases_never_go_back_though_the_clock_does(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = time.time()
    clock = iter(range(10_000, 0, -1))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    receipt = run_attempt(works(math.hypot, 3, 4), WORKER, submitted, "shared", Functions(), unheard)
    assert order(receipt.phases) == sorted(order(receipt.phases))


def test_inputs_inline_and_by_location(works: Works) -> None:
    big = value("x" * 100_000)
    assert big.data is not None
    far = ValueStore(str(works.values)).put(big.data, "7")
    receipt = run(
        works(
            lambda *args: [len(arg) for arg in args], Input(1), Input(0), inputs=(far, dumps("ab", "a value"))
        )
    )
    assert output(receipt) == [2, 100_000]


def test_a_large_output_goes_to_the_value_store(works: Works) -> None:
    receipt = run(works(lambda: bytes(INLINE_LIMIT)))
    assert receipt.output is not None
    assert receipt.output.data is None
    assert receipt.output.location == f"7/{receipt.output.sha256}.zst"
    with ValueStore(str(works.values)).open(receipt.output.location, receipt.output.sha256) as file:
        data = file.read()
    assert len(data) == receipt.output.size
    assert loads(data) == bytes(INLINE_LIMIT)


def test_a_value_store_that_fails_fails_the_attempt(works: Works) -> None:
    works.values.write_text("a file")
    receipt = run(works(lambda: bytes(INLINE_LIMIT)))
    assert receipt.failure is not None
    assert receipt.failure.kind == "heliograph.errors.StorageError"


def test_a_coroutine_is_run(works: Works) -> None:
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    assert output(run(works(later, 1))) == 2


def test_an_exception_as_a_record(works: Works) -> None:
    def inner() -> None:
        raise ValueError("the cause")

    def fails() -> None:
        try:
            inner()
        except ValueError as error:
            raise FileNotFoundError(2, "gone", "x.txt") from error

    receipt = run(works(fails))
    failure = receipt.failure
    assert receipt.output is None
    assert failure is not None
    assert failure.kind == "builtins.FileNotFoundError"
    assert failure.message == "[Errno 2] gone: 'x.txt'"
    assert failure.lineage == (
        "builtins.FileNotFoundError",
        "builtins.OSError",
        "builtins.Exception",
        "builtins.BaseException",
    )
    assert failure.traceback is not None
    assert "ValueError: the cause" in failure.traceback
    assert "in inner" in failure.traceback
    assert "direct cause" in failure.traceback
    assert f"engines{os.sep}attempt.py" not in failure.traceback
    assert failure.error is not None
    assert loads(failure.error).filename == "x.txt"
    assert receipt.phases.finished is not None
    assert receipt.phases.serialised is None


class OddError(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"{code}: {hint}")


class LockedError(Exception):
    """Does not pickle."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


class MuteError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def raise_odd() -> None:
    raise OddError(3, hint="h")


def raise_locked() -> None:
    raise LockedError


def raise_mute() -> None:
    raise MuteError


@pytest.mark.parametrize("function", [raise_odd, raise_locked])
def test_an_exception_that_cant_travel(works: Works, function: Any) -> None:
    receipt = run(works(function, catch=True))
    assert receipt.failure is not None
    assert receipt.failure.error is None
    assert receipt.caught is not None
    assert receipt.caught.data is not None
    nothing, error = loads(receipt.caught.data)
    assert nothing is None
    assert type(error) is RemoteError
    assert receipt.failure.kind in str(error)
    assert f"in {function.__name__}" in str(error)


def test_an_exception_without_text(works: Works) -> None:
    failure = run(works(raise_mute)).failure
    assert failure is not None
    assert "MuteError" in failure.message


def test_catch_exceptions(works: Works) -> None:
    assert output(run(works(math.sqrt, 4, catch=True))) == (2.0, None)
    receipt = run(works(math.sqrt, -1, catch=True))
    assert receipt.output is None
    assert receipt.caught is not None
    assert receipt.caught.data is not None
    nothing, error = loads(receipt.caught.data)
    assert nothing is None
    assert type(error) is ValueError


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_leaving_is_failing(works: Works, kind: type[BaseException]) -> None:
    def leave() -> None:
        raise kind("bye")

    failure = run(works(leave)).failure
    assert failure is not None
    assert failure.kind == f"builtins.{kind.__name__}"
    assert failure.message == "bye"


@pytest.mark.parametrize("catch", [True, False])
def test_an_output_that_cant_be_pickled(works: Works, catch: bool) -> None:
    work = works(lambda: threading.Lock(), catch=catch)
    failure = run(work).failure
    assert failure is not None
    assert failure.kind == "heliograph.errors.NotPicklableError"
    assert f"the output of task '{work.task_id}'" in failure.message


def test_deep_recursion(works: Works) -> None:
    def deep(n: int) -> int:
        return deep(n + 1)

    def nested() -> Any:
        value: list[Any] = []
        for _ in range(100_000):
            value = [value]
        return value

    failure = run(works(deep, 0)).failure
    assert failure is not None
    assert failure.kind == "builtins.RecursionError"
    assert failure.traceback is not None
    assert len(failure.traceback) < 10_000
    failure = run(works(nested)).failure
    assert failure is not None
    assert failure.kind == "heliograph.errors.NotPicklableError"


def test_what_cant_be_loaded_is_said(works: Works) -> None:
    gone = b"cno_such_module\nf\n."  # a pickle that wants no_such_module.f
    work = works(math.sqrt, arguments=gone)
    failure = run(work).failure
    assert failure is not None
    assert failure.kind == "heliograph.errors.WorkflowTaskNotRecoverableError"
    assert "its arguments can't be loaded in the worker: ModuleNotFoundError" in failure.message
    failure = run(works(math.sqrt, Input(0), inputs=(gone,))).failure
    assert failure is not None
    assert "its arguments" in failure.message

    works._payloads[math.sqrt] = Payload("sqrt", 99, gone)
    receipt = run(works(math.sqrt, 4))
    assert receipt.failure is not None
    assert "its function 'sqrt' can't be loaded" in receipt.failure.message
    assert "no_such_module" in receipt.failure.message
    assert receipt.phases.loaded is None


def test_a_function_is_loaded_once(works: Works) -> None:
    functions = Functions()
    payload = works.payload(lambda: 1)
    assert functions.get(payload) is functions.get(payload)
    for token in range(10, 10 + Functions.LIMIT):
        functions.get(Payload("f", token, payload.data))
    assert len(functions._loaded) < Functions.LIMIT


def test_large_errors_are_cut(works: Works) -> None:
    def fails() -> None:
        raise ValueError("x" * 3_000_000)

    failure = run(works(fails)).failure
    assert failure is not None
    assert failure.error is None
    assert len(failure.message) < 70_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells all of it")
def test_resources_of_this_attempt_alone(works: Works, tmp_path: Path) -> None:
    def uses() -> None:
        block = bytearray(200_000_000)
        block[::4096] = bytes(len(block[::4096]))
        with open(tmp_path / "file", "wb") as file:
            file.write(bytes(1_000_000))
            os.fsync(file.fileno())
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        subprocess.run(
            [sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"], check=True
        )

    used = run(works(uses)).resources
    after = run(works(math.sqrt, 4)).resources
    assert used.measured == "exclusive"
    assert used.peak_rss is not None
    assert after.peak_rss is not None
    assert used.peak_rss > after.peak_rss + 150_000_000
    assert used.cpu_time is not None
    assert after.cpu_time is not None
    assert used.cpu_time > 0.24
    assert after.cpu_time < 0.05
    assert used.write_bytes is not None
    assert after.write_bytes is not None
    assert used.write_bytes >= after.write_bytes
    assert used.voluntary_switches is not None
    assert used.voluntary_switches > 0


LEFT: list[bytearray] = []


def leave_memory() -> None:
    LEFT.append(bytearray(200_000_000))
    LEFT[0][::4096] = bytes(len(LEFT[0][::4096]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak anew")
def test_memory_that_an_earlier_task_left_is_told_apart(works: Works) -> None:
    try:
        made, after = (run(work).resources for work in (works(leave_memory), works(math.sqrt, 4)))
    finally:
        LEFT.clear()
    assert made.start_rss is not None
    assert made.peak_rss is not None
    assert after.start_rss is not None
    assert after.peak_rss is not None
    assert made.peak_rss - made.start_rss > 190_000_000
    assert after.start_rss > made.start_rss + 190_000_000
    assert after.peak_rss - after.start_rss < 20_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak anew")
def test_no_attempt_begins_with_more_memory_than_it_ever_had(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure._memory, "reset", lambda: 10**15)
    used = run(works(math.sqrt, 4)).resources
    assert used.start_rss == used.peak_rss is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak anew")
def test_memory_of_the_program_that_started_a_worker_is_not_its_tasks() -> None:
    program = (
        "from heliograph.engines.attempts.measure import Meter\nprint(Meter('exclusive').read().peak_rss)"
    )
    held = bytearray(300_000_000)
    held[::4096] = b"x" * len(held[::4096])
    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, text=True)
    assert 1_000_000 < int(told.stdout) < 150_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts blocks")
def test_blocks_are_what_proc_io_counts(works: Works) -> None:
    def write(path: str) -> int:
        def written() -> int:
            text = Path("/proc/self/io").read_text()
            return int(text.partition("\nwrite_bytes: ")[2].split()[0])

        before = written()
        with open(path, "wb") as file:
            file.write(bytes(1_000_000))
            os.fsync(file.fileno())
        return written() - before

    receipt = run(works(write, str(works.values.parent / "file")))
    assert receipt.resources.write_bytes == output(receipt)


def test_resources_of_a_thread(works: Works) -> None:
    def busy() -> None:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass

    used = run(works(busy), "shared").resources
    assert used.measured == "shared"
    assert (used.peak_rss, used.start_rss) == (None, None)
    assert used.cpu_time is not None
    assert used.cpu_time > 0.04


def test_nothing_of_a_failed_task_is_kept_alive(works: Works) -> None:
    import gc
    import weakref

    class Thing:
        pass

    seen: list[Any] = []

    def remember(thing: Any) -> None:
        seen.append(weakref.ref(thing))

    def fails() -> None:
        thing = Thing()
        remember(thing)
        raise ValueError

    gc.collect()
    gc.disable()
    try:
        functions = Functions()
        functions._loaded[works.payload(fails).token] = fails  # itself, not a copy by value
        receipt = run_attempt(works(fails), WORKER, 0.0, "shared", functions, unheard)
        assert receipt.failure is not None
        assert seen[0]() is None
    finally:
        gc.enable()
