"""What `run_async` gives on the embedded engine goes wherever futures go; and nobody waits for ever."""

from __future__ import annotations

import asyncio
import gc
import queue
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from heliograph.engines.engine import Engine
from heliograph.engines.settings import EngineSettings
from heliograph.errors import WorkflowExecutionError
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import DEADLINE, until
from tests.gates import Gate
from tests.invariants import check_store

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


@workflow.task
def fail() -> None:
    raise ValueError("broken")


@workflow.task
def wait(gate: Gate) -> str:
    gate.wait()
    return "output"


def test_concurrent_futures_wait_for_it(embedded_engine: EngineUnderTest) -> None:
    outputs = [workflow.run_async(add.bind(number, 1)) for number in range(10)]
    assert futures.wait(outputs, DEADLINE).not_done == set()
    assert sorted(output.result() for output in futures.as_completed(outputs)) == list(range(1, 11))


def test_asyncio_awaits_it(embedded_engine: EngineUnderTest) -> None:
    async def main() -> tuple[int, int, object]:
        first, second = workflow.run_async(add.bind(1, 2)), workflow.run_async(add.bind(3, 4))
        output = await asyncio.gather(asyncio.wrap_future(first), asyncio.wrap_future(second))
        return (*output, await asyncio.wrap_future(workflow.get_output_async("mine")))

    workflow.run(add.bind(0, 1), workflow_id="mine")
    assert asyncio.run(main()) == (3, 7, 1)


def test_it_can_be_awaited_as_it_is(embedded_engine: EngineUnderTest) -> None:
    async def main() -> tuple[int, int]:
        first = await workflow.run_async(add.bind(1, 2), workflow_id="mine")
        return first, *await asyncio.gather(workflow.get_output_async("mine"))

    assert asyncio.run(main()) == (3, 3)


@pytest.mark.parametrize("task_id", [None, "wait"], ids=["from its engine", "from what is stored"])
def test_who_stops_awaiting_is_forgotten_and_the_others_are_not(
    embedded_engine: EngineUnderTest, gate: Gate, task_id: str | None
) -> None:
    """A service that asks for the output of a long workflow now and again kept each time that it asked."""

    async def main() -> None:
        output = workflow.get_output_async("mine", task_id=task_id)
        heard: queue.SimpleQueue[object] = queue.SimpleQueue()
        output.add_done_callback(lambda done: heard.put(done.result()))
        other = asyncio.ensure_future(output)
        await asyncio.sleep(0)
        listeners = len(output._done_callbacks)
        for _ in range(3):
            leaving = asyncio.ensure_future(output)
            await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
        await asyncio.sleep(0)
        assert len(output._done_callbacks) == listeners
        gate.open()
        assert await asyncio.wait_for(other, DEADLINE) == "output"
        assert heard.get(timeout=DEADLINE) == "output"

    workflow.run_async(wait.options(name="wait").bind(gate), workflow_id="mine")
    gate.until_waiting()
    asyncio.run(main())


def test_an_output_that_nobody_waits_for_any_more_is_not_looked_for(
    embedded_engine: EngineUnderTest, gate: Gate
) -> None:
    workflow.run_async(wait.options(name="wait").bind(gate), workflow_id="mine")
    gate.until_waiting()
    output = workflow.get_output_async("mine", task_id="wait")
    with pytest.raises(TimeoutError):
        output.result(timeout=0)
    dropped = weakref.ref(output)
    del output
    until(lambda: dropped() is None, "the output that was dropped to be let go")


def test_who_has_a_callback_need_not_keep_the_future(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()
    workflow.run_async(wait.options(name="wait").bind(gate), workflow_id="mine")
    workflow.get_output_async("mine", task_id="wait").add_done_callback(lambda done: heard.put(done.result()))
    gc.collect()
    gate.until_waiting()
    gate.open()
    assert heard.get(timeout=DEADLINE) == "output"


class Broken:
    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return refuse, ()


def refuse() -> object:
    raise RuntimeError("this can't be loaded")


@workflow.task
def make_broken() -> Broken:
    return Broken()


@pytest.mark.parametrize("awaitable", [lambda output: output, asyncio.wrap_future], ids=["it", "wrapped"])
def test_asyncio_gets_the_error_of_an_output_that_can_t_be_loaded(
    embedded_engine: EngineUnderTest, awaitable: Callable[[Any], Any]
) -> None:
    async def main() -> object:
        return await asyncio.wait_for(awaitable(workflow.run_async(make_broken.bind())), DEADLINE)

    with pytest.raises(RuntimeError, match="can't be loaded"):
        asyncio.run(main())


def test_asyncio_of_python_3_14_gets_the_object_and_not_what_is_stored_of_it(
    embedded_engine: EngineUnderTest,
) -> None:
    good, bad = workflow.run_async(add.bind(1, 2)), workflow.run_async(make_broken.bind())
    futures.wait([good, bad], DEADLINE)
    assert good._get_snapshot() == (True, False, 3, None)
    done, cancelled, output, error = bad._get_snapshot()
    assert (done, cancelled, output, type(error)) == (True, False, None, RuntimeError)


def test_asyncio_gets_its_error(embedded_engine: EngineUnderTest) -> None:
    async def main() -> object:
        return await asyncio.wrap_future(workflow.run_async(fail.bind()))

    with pytest.raises(WorkflowExecutionError, match="broken"):
        asyncio.run(main())


def test_a_callback_is_called(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    called: queue.SimpleQueue[object] = queue.SimpleQueue()
    output = workflow.run_async(wait.bind(gate))
    output.add_done_callback(lambda done: called.put(done.result()))
    gate.open()
    assert called.get(timeout=DEADLINE) == "output"


def test_a_callback_that_raises_hurts_nobody(
    embedded_engine: EngineUnderTest, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    output = workflow.run_async(wait.bind(gate))
    output.add_done_callback(lambda _done: 1 / 0)
    gate.open()
    assert embedded_engine.value(output) == "output"
    assert workflow.run(add.bind(1, 2)) == 3


def test_nobody_but_the_engine_sets_it(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate))
    gate.until_waiting()
    for set_it in (output.set_result, output.set_exception):
        with pytest.raises(RuntimeError, match=r"can't be set.*workflow\.cancel"):
            set_it(None)
    gate.open()
    assert output.result(DEADLINE) == "output"


def test_a_result_in_time_or_a_timeout(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate))
    with pytest.raises(TimeoutError):
        output.result(timeout=0)
    gate.open()
    assert output.result(timeout=DEADLINE) == "output"


def test_one_that_is_done_gives_its_output_in_no_time(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate))
    given: queue.SimpleQueue[tuple[bool, str]] = queue.SimpleQueue()
    output.when_settled(lambda: given.put((output.done(), output.result(timeout=0))))
    gate.open()
    assert given.get(timeout=DEADLINE) == (True, "output")


def test_what_a_handler_raises_in_who_waits_holds_up_no_engine(
    embedded_engine: EngineUnderTest, gate: Gate
) -> None:
    """As Ctrl-C does, at any instant: here before a lock is released."""
    leave = threading.Condition.__exit__.__code__

    def interrupt(frame: FrameType, _event: str, _argument: object) -> None:
        if frame.f_code is leave:
            raise KeyboardInterrupt

    output = workflow.run_async(wait.bind(gate))
    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises((TimeoutError, KeyboardInterrupt)):
            output.result(timeout=0)
    finally:
        sys.settrace(before)
    gate.open()
    assert workflow.run(add.bind(1, 2)) == 3
    assert output.result(DEADLINE) == "output"


def test_who_waits_when_the_engine_is_closed_is_told(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    workflow.shutdown()
    with pytest.raises(RuntimeError, match=r"engine was closed; `workflow\.resume` goes on"):
        output.result(DEADLINE)
    embedded_engine.init()
    assert workflow.get_status("mine") == "RESUMABLE"


def test_who_enters_while_the_engine_closes_is_answered(tmp_path: Path) -> None:
    plan = make_plan(add.bind(1, 2), Inputs())
    for turn in range(20):
        store = Store(locate(tmp_path / "storage"))
        engine = Engine(store, EngineSettings("threads", 2))
        answers: list[object] = []

        def submit(
            name: str, engine: Engine = engine, answers: list[object] = answers, turn: int = turn
        ) -> None:
            try:
                for number in range(20):
                    engine.submit(plan, f"{turn} {name} {number}", "{}")
            except RuntimeError as error:
                answers.append(str(error))
            else:
                answers.append("all")

        threads = [threading.Thread(target=submit, args=[f"{number}"]) for number in range(4)]
        for thread in threads:
            thread.start()
        engine.close()
        for thread in threads:
            thread.join(DEADLINE)
        store.close()
        assert len(answers) == 4
        assert {answer for answer in answers if "engine" not in str(answer)} <= {"all"}
    check_store(tmp_path / "storage" / "heliograph.db")


def test_a_callback_may_run_another_workflow(embedded_engine: EngineUnderTest, gate: Gate) -> None:
    called: queue.SimpleQueue[object] = queue.SimpleQueue()
    output = workflow.run_async(wait.bind(gate))
    output.add_done_callback(lambda _done: called.put(workflow.run(add.bind(1, 2))))
    gate.open()
    assert called.get(timeout=DEADLINE) == 3
