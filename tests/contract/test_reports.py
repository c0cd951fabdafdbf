"""What tasks say while they run, and who sees it when."""

from __future__ import annotations

import asyncio
import json
import math
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from heliograph.graph.user_metadata import DEPTH_LIMIT, METADATA_LIMIT
from heliograph.records.report import LINE_LIMIT, POINTS_LIMIT
from tests.conditions import until
from tests.gates import Gate

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest

ODD = {"a.b": {'q"uote\\': ["🚀", None, True, 1.5]}, "": "\x00\ud800", "x": {"y": {"z": 1}}}


@workflow.task
def talk(gate: Gate) -> str:
    me = workflow.current()
    me.update_metadata({"team": "blue", "size": 1})
    me.update_metadata({"size": 2, **ODD})
    me.update_metadata({"owner": "Ada"}, of_workflow=True)
    me.progress(1, 4, "first")
    me.progress(2.5, 4, "second")
    me.metric("loss", 0.5, 1)
    me.metric("loss", 0.25, 2)
    me.log("one")
    me.log("two")
    gate.wait("said")
    return "done"


@workflow.task
async def talk_slowly(gate: Gate) -> str:
    me = workflow.current()
    me.progress(1, 2)
    await asyncio.to_thread(me.log, "from a thread")
    await asyncio.to_thread(gate.wait, "said")
    me.progress(2, 2)
    return "done"


@workflow.task
def say_and_end(count: int) -> None:
    me = workflow.current()
    for number in range(count):
        me.log(f"{number}")
        me.metric("n", number)
        me.progress(number, count)


@workflow.task
def misuse(case: str) -> str:
    me = workflow.current()
    deep: dict[str, Any] = {}
    for _ in range(DEPTH_LIMIT + 1):
        deep = {"d": deep}
    calls = {
        "set": lambda: me.update_metadata({"a": {1, 2}}),
        "nan": lambda: me.update_metadata({"a": float("nan")}),
        "large": lambda: me.update_metadata({"a": "x" * 10_000_000}),
        "large in parts": lambda: [me.update_metadata({f"{n}": "x" * 100_000}) for n in range(100)],
        "deep": lambda: me.update_metadata(deep),
        "no dict": lambda: me.update_metadata([1]),  # type: ignore[arg-type]
        "infinite": lambda: me.progress(float("inf")),
        "negative": lambda: me.progress(-1),
        "text": lambda: me.progress("3"),  # type: ignore[arg-type]
        "bool": lambda: me.metric("a", True),
        "no key": lambda: me.metric("", 1),
        "step": lambda: me.metric("a", 1, 1.5),  # type: ignore[arg-type]
        "number": lambda: me.log(3),  # type: ignore[arg-type]
    }
    try:
        calls[case]()
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


@workflow.task
def diverge() -> None:
    me = workflow.current()
    for step, loss in enumerate([0.5, math.inf, -math.inf, math.nan]):
        me.metric("loss", loss, step)


@workflow.task
def flood() -> None:
    me = workflow.current()
    me.log("x" * (LINE_LIMIT + 1))
    for number in range(POINTS_LIMIT + 7):
        me.metric("m", number)


@workflow.task
def keep_talking(box: Path) -> None:
    me = workflow.current()

    def talk_later() -> None:
        while not box.with_name("over").exists():
            time.sleep(0.001)
        try:
            me.log("late")
        except RuntimeError as error:
            box.write_text(str(error))

    threading.Thread(target=talk_later, daemon=True).start()


@workflow.task
def hand_out() -> workflow.Current:
    return workflow.current()


@workflow.task
def fork() -> str:
    me = workflow.current()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            me.log("from the child")
        except BaseException as error:
            os.write(theirs, str(error).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    me.log("from the parent")
    return os.read(ours, 4096).decode()


@workflow.task
def steps(items: list[int]) -> list[int]:
    done = list(workflow.progress(items, message="going"))
    with workflow.progress(total=3) as by_hand:
        by_hand.advance(2)
        by_hand.message = "nearly"
    return done


@workflow.task(max_retries=1, retry_exceptions=True)
def speak_only_once(gate: Gate) -> None:
    me = workflow.current()
    if me.attempt == 1:
        me.progress(9, 10)
        me.log("nearly there")
        raise OSError("not yet")
    gate.wait("second")


SEEN = """
import json, sys
print(json.dumps([workflow.get_metadata("w", tasks=True), workflow.get_logs("w"), workflow.get_metrics("w")]))
"""


def test_other_processes_see_it_while_the_task_runs(engine: EngineUnderTest, gate: Gate) -> None:
    running = workflow.run_async(talk.bind(gate), workflow_id="w", metadata={"k": 1})
    gate.until_waiting("said")
    until(lambda: len(workflow.get_logs("w")) == 2)
    # What it said may be stored before it was seen to run.
    until(lambda: workflow.get_metadata("w", tasks=True)["tasks"][0]["attempts"])
    whole, lines, points = json.loads(engine.elsewhere(SEEN))
    assert whole["status"] == "RUNNING"
    assert whole["user_metadata"] == {"k": 1, "owner": "Ada"}
    (task,) = whole["tasks"]
    assert task["user_metadata"] == {"team": "blue", "size": 2, **ODD}
    assert task["progress"].items() >= {"done": 2.5, "total": 4, "message": "second"}.items()
    assert task["events"] == {"lines": 2, "metrics": 2}
    assert [line["text"] for line in lines] == ["one", "two"]
    for one in (*lines, *points):
        assert (one["task_id"], one["attempt"]) == (task["task_id"], 1)
        assert task["attempts"][0]["phases"]["started"] <= one["time"] <= time.time()
    assert [(point["key"], point["value"], point["step"]) for point in points] == [
        ("loss", 0.5, 1),
        ("loss", 0.25, 2),
    ]
    gate.open()
    assert engine.value(running) == "done"
    (after,) = workflow.get_metadata("w", tasks=True)["tasks"]
    assert after["user_metadata"] == task["user_metadata"]


def test_of_an_async_task(engine: EngineUnderTest, gate: Gate) -> None:
    running = workflow.run_async(talk_slowly.bind(gate), workflow_id="w")
    gate.until_waiting("said")
    until(lambda: workflow.get_logs("w"))
    assert workflow.get_metadata("w", tasks=True)["tasks"][0]["progress"]["done"] == 1
    gate.open()
    engine.value(running)
    assert workflow.get_metadata("w", tasks=True)["tasks"][0]["progress"]["done"] == 2


def test_nothing_that_was_said_before_the_end_is_lost(engine: EngineUnderTest) -> None:
    workflow.run(say_and_end.bind(3000), workflow_id="w")
    assert [line["text"] for line in workflow.get_logs("w", limit=5000)] == [f"{n}" for n in range(3000)]
    assert [point["value"] for point in workflow.get_metrics("w", limit=5000)] == list(range(3000))
    assert workflow.get_metadata("w", tasks=True)["tasks"][0]["progress"]["done"] == 2999
    page = workflow.get_logs("w", limit=10, after=workflow.get_logs("w", limit=10)[-1]["number"])
    assert [line["text"] for line in page] == [f"{n}" for n in range(10, 20)]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("set", "ValueError: metadata must be JSON serialisable"),
        ("nan", "ValueError: metadata must be JSON serialisable"),
        ("large", f"ValueError: metadata may have {METADATA_LIMIT:,} bytes"),
        (
            "large in parts",
            f"ValueError: the metadata that an attempt sets may have {METADATA_LIMIT:,} bytes",
        ),
        ("deep", f"ValueError: metadata may be nested {DEPTH_LIMIT} levels deep"),
        ("no dict", "ValueError: metadata must be a dict"),
        ("infinite", "ValueError: done must be a finite number"),
        ("negative", "ValueError: done must be 0 or more"),
        ("text", "TypeError: done must be a number, not '3'"),
        ("bool", "TypeError: value must be a number, not True"),
        ("no key", "ValueError: key must have 1 to 512 characters"),
        ("step", "TypeError: step must be an int or None"),
        ("number", "TypeError: text must be a str"),
    ],
)
def test_what_can_not_be_said(engine: EngineUnderTest, case: str, said: str) -> None:
    assert workflow.run(misuse.bind(case)).startswith(said)


@pytest.mark.parametrize("given", [{"a": "x" * 10_000_000}, {"a": float("inf")}])
def test_metadata_of_a_submission_have_the_same_limits(
    engine: EngineUnderTest, given: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"metadata (may have 1,048,576 bytes|must be JSON serialisable)"):
        workflow.run(hand_out.bind(), metadata=given)
    with pytest.raises(ValueError, match=r"metadata (may have 1,048,576 bytes|must be JSON serialisable)"):
        hand_out.options(**workflow.options(metadata=given))


def test_a_metric_that_is_not_finite_is_kept_as_that(engine: EngineUnderTest) -> None:
    """A training that diverges goes on, and tells so."""
    workflow.run(diverge.bind(), workflow_id="w")
    assert [(point["step"], point["value"]) for point in workflow.get_metrics("w")] == [
        (0, 0.5),
        (1, None),
        (2, None),
        (3, None),
    ]
    told = [change["value"] for change in workflow.watch("w") if change["kind"] == "metric"]
    assert told == [0.5, None, None, None]


def test_what_is_too_much_is_counted(engine: EngineUnderTest) -> None:
    workflow.run(flood.bind(), workflow_id="w")
    (task,) = workflow.get_metadata("w", tasks=True)["tasks"]
    assert task["events"] == {"lines": 1, "metrics": POINTS_LIMIT + 7, "metrics_dropped": 7}
    (line,) = workflow.get_logs("w")
    assert len(line["text"]) == LINE_LIMIT
    assert " … cut … " in line["text"]


def test_outside_of_a_task() -> None:
    for call in (workflow.current, lambda: workflow.progress([1])):
        with pytest.raises(RuntimeError, match=r"workflow.current\(\) is for code that runs in a task"):
            call()  # type: ignore[operator]


def test_after_the_attempt(engine: EngineUnderTest, tmp_path: Path) -> None:
    box = tmp_path / "box"
    workflow.run(keep_talking.bind(box), workflow_id="w")
    box.with_name("over").touch()
    until(box.exists)
    until(box.read_text)
    assert "the attempt is over" in box.read_text()
    assert workflow.get_logs("w") == []


def test_a_copy_says_nothing(engine: EngineUnderTest) -> None:
    copy = workflow.run(hand_out.bind(), workflow_id="w")
    assert copy.workflow_id == "w"
    with pytest.raises(RuntimeError, match="this is a copy"):
        copy.log("x")


def test_a_forked_child_says_nothing(isolating_engine: EngineUnderTest) -> None:
    assert "forked by a task" in workflow.run(fork.bind(), workflow_id="w")
    assert [line["text"] for line in workflow.get_logs("w")] == ["from the parent"]


def test_steps(engine: EngineUnderTest) -> None:
    assert workflow.run(steps.bind([1, 2, 3]), workflow_id="w") == [1, 2, 3]
    (task,) = workflow.get_metadata("w", tasks=True)["tasks"]
    assert task["progress"].items() >= {"done": 2, "total": 3, "message": "nearly"}.items()


def test_the_progress_of_an_attempt_is_not_that_of_the_next(engine: EngineUnderTest, gate: Gate) -> None:
    ended = workflow.run_async(speak_only_once.bind(gate), workflow_id="w")

    def task() -> dict[str, Any]:
        (only,) = workflow.get_metadata("w", tasks=True)["tasks"]
        assert isinstance(only, dict)
        return only

    until(lambda: len(task()["attempts"]) == 2)
    for _ in range(2):
        assert not task().keys() & {"progress", "events"}
        first, second = task()["attempts"]
        assert (first["progress"]["done"], first["events"]) == (9, {"lines": 1})
        assert not second.keys() & {"progress", "events"}
        gate.open()
        engine.value(ended)


def test_no_last_word_is_lost(engine: EngineUnderTest) -> None:
    """The receipt of a lone task may be seen to by who brings it: what was said just before comes first."""
    for number in range(100):
        workflow.run(say_and_end.bind(1), workflow_id=f"{number}")
    assert [len(workflow.get_logs(f"{number}")) for number in range(100)] == [1] * 100
