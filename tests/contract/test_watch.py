"""`watch`: every change once, in order, from any process, from any place on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from heliograph.storage.questions.watching import Watching
from tests.conditions import until
from tests.gates import Gate
from tests.tasks import give

if TYPE_CHECKING:
    from heliograph.records.change import Change
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def talk(count: int) -> int:
    for number in range(count):
        workflow.current().log(f"{number}")
    return count


@workflow.task
def say_all() -> None:
    me = workflow.current()
    me.update_metadata({"team": "blue", "none": None})
    me.update_metadata({"owner": "Ada"}, of_workflow=True)
    me.progress(1.5, 4, "halfway")
    me.metric("loss", 0.5, 3)
    me.metric("loss", 2)
    me.log("said")


@workflow.task
def wait(gate: Gate, *_after: object) -> str:
    gate.wait()
    return "done"


@workflow.task
def fail_without(flag: Path) -> None:
    if not flag.exists():
        raise ValueError("no flag")


@workflow.task
def go_on(value: int) -> Any:
    return workflow.continuation(give.options(name="more").bind(value))


def kinds(changes: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Changes in short; RUNNING is seen only of tasks that run for a while, so it is left out."""
    short = []
    for change in changes:
        if change["kind"] == "task" and change["status"] in ("RUNNING", "READY", "PENDING"):
            continue
        known = (change["kind"], change.get("task_id"), change.get("status"), change.get("text"))
        short.append(tuple(part for part in known if part is not None))
    return short


def test_from_the_beginning_to_the_end(engine: EngineUnderTest) -> None:
    dag = give.options(name="b").bind(0, talk.options(name="a").bind(2))
    future = workflow.run_async(dag, workflow_id="w")
    changes = list(workflow.watch("w"))
    engine.value(future)
    assert kinds(changes) == [
        ("run", "RUNNING"),
        ("line", "a", "0"),
        ("line", "a", "1"),
        ("task", "a", "SUCCESSFUL"),
        ("task", "b", "SUCCESSFUL"),
        ("run", "SUCCESSFUL"),
    ]
    assert list(workflow.watch("w")) == changes
    for place, change in enumerate(changes):
        assert list(workflow.watch("w", change["cursor"])) == changes[place + 1 :]
    for of_lines in (True, False):  # a line's time is when the task said it, not when it was stored
        times = [change["time"] for change in changes if (change["kind"] == "line") is of_lines]
        assert times == sorted(times)


def test_all_that_a_task_says(engine: EngineUnderTest) -> None:
    dag = say_all.options(name="b").bind()
    workflow.run(give.bind(0, give.options(name="a").bind(1), dag), workflow_id="w")
    said = [change for change in workflow.watch("w") if change["kind"] not in ("run", "task")]
    told = [{key: change[key] for key in change if key not in ("cursor", "run", "time")} for change in said]
    of_task = {"task_id": "b", "attempt": 1}
    assert told == [
        {"kind": "metadata", **of_task, "update": {"team": "blue", "none": None}},
        {"kind": "metadata", "attempt": 1, "update": {"owner": "Ada"}},
        {"kind": "progress", **of_task, "done": 1.5, "total": 4, "message": "halfway"},
        {"kind": "metric", **of_task, "key": "loss", "value": 0.5, "step": 3},
        {"kind": "metric", **of_task, "key": "loss", "value": 2},
        {"kind": "line", **of_task, "text": "said"},
    ]
    stats = workflow.get_metadata("w", "b")["stats"]
    for change in said[2:]:  # told when the task said it
        assert stats["start_time"] <= change["time"] <= stats["end_time"]
    for place, change in enumerate(said):
        rest = [one for one in workflow.watch("w", change["cursor"]) if one["kind"] not in ("run", "task")]
        assert rest == said[place + 1 :]


def test_from_another_process_while_it_runs(engine: EngineUnderTest, gate: Gate) -> None:
    dag = wait.options(name="b").bind(gate, talk.options(name="a").bind(300))
    future = workflow.run_async(dag, workflow_id="w")
    gate.until_waiting()
    until(lambda: len(workflow.get_logs("w")) == 300)
    code = """
import json
changes = []
for change in workflow.watch("w"):
    changes.append(change)
    if change.get("text") == "299":
        break
print(json.dumps(changes))
"""
    elsewhere = json.loads(engine.elsewhere(code))
    gate.open()
    engine.value(future)
    whole = list(workflow.watch("w"))
    assert whole[: len(elsewhere)] == elsewhere
    assert [change["text"] for change in whole if change["kind"] == "line"] == [f"{n}" for n in range(300)]


def test_a_snapshot_and_what_comes_after_it(engine: EngineUnderTest, gate: Gate) -> None:
    dag = wait.options(name="b").bind(gate, give.options(name="a").bind(1))
    future = workflow.run_async(dag, workflow_id="w")
    gate.until_waiting()
    until(lambda: workflow.get_metadata("w", "b")["status"] == "RUNNING")
    whole = workflow.get_metadata("w", tasks=True)
    status = {task["task_id"]: task["status"] for task in whole["tasks"]}
    assert status == {"a": "SUCCESSFUL", "b": "RUNNING"}
    nothing = workflow.watch("w", whole["cursor"], wait=False)
    assert (list(nothing), nothing.cursor, nothing.is_over) == ([], whole["cursor"], True)
    gate.open()
    for change in workflow.watch("w", whole["cursor"]):
        if change["kind"] == "task":
            status[change["task_id"]] = change["status"]
    engine.value(future)
    assert status == {"a": "SUCCESSFUL", "b": "SUCCESSFUL"}


def test_asynchronously(engine: EngineUnderTest) -> None:
    future = workflow.run_async(talk.options(name="a").bind(3), workflow_id="w")

    async def watched() -> list[dict[str, Any]]:
        return [change async for change in workflow.watch("w")]

    changes = asyncio.run(watched())
    engine.value(future)
    assert changes == list(workflow.watch("w"))


def test_failures_resumes_continuations(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.options(name="a").bind(flag), workflow_id="w")
    flag.touch()
    workflow.resume("w")
    assert kinds(workflow.watch("w")) == [
        ("run", "RUNNING"),
        ("attempt", "a", "FAILED"),
        ("task", "a", "FAILED"),
        ("run", "FAILED"),
        ("run", "RUNNING"),
        ("task", "a", "SUCCESSFUL"),
        ("run", "SUCCESSFUL"),
    ]
    assert {change["run"] for change in workflow.watch("w")} == {1, 2}
    workflow.run(go_on.options(name="first").bind(7), workflow_id="c")
    (added,) = [change for change in workflow.watch("c") if change["kind"] == "added"]
    assert added["task_ids"] == ["more"]


def test_a_cancelled_one(engine: EngineUnderTest, gate: Gate) -> None:
    future = workflow.run_async(wait.options(name="a").bind(gate), workflow_id="w")
    gate.until_waiting()
    until(lambda: workflow.get_metadata("w", "a")["status"] == "RUNNING")
    workflow.cancel("w")
    assert kinds(workflow.watch("w")) == [("run", "RUNNING"), ("task", "a", "CANCELED"), ("run", "CANCELED")]
    gate.open()
    with pytest.raises(workflow.WorkflowCancellationError):
        engine.value(future)


def test_one_that_is_deleted_meanwhile(engine: EngineUnderTest) -> None:
    workflow.run(give.bind(1), workflow_id="w")
    watch = workflow.watch("w")
    workflow.delete("w")
    workflow.run(give.bind(1), workflow_id="w")
    with pytest.raises(workflow.WorkflowNotFoundError, match="deleted while it was watched"):
        next(watch)


def test_one_that_is_deleted_between_two_reads(
    engine: EngineUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run(give.bind(1), workflow_id="w")
    watch, changes = workflow.watch("w"), Watching.changes

    def too_late(watching: Watching, key: int, number: int, place: int) -> list[Change]:
        workflow.delete("w")
        return changes(watching, key, number, place)

    monkeypatch.setattr(Watching, "changes", too_late)
    with pytest.raises(workflow.WorkflowNotFoundError):
        next(watch)


@pytest.mark.parametrize("cursor_of", ["a change", "the metadata"])
def test_a_cursor_of_one_that_was_deleted(engine: EngineUnderTest, cursor_of: str) -> None:
    workflow.run(talk.bind(3), workflow_id="w")
    last = list(workflow.watch("w"))[-1]["cursor"]
    cursor = last if cursor_of == "a change" else workflow.get_metadata("w", tasks=True)["cursor"]
    workflow.delete("w")
    workflow.run(talk.bind(3), workflow_id="w")
    with pytest.raises(workflow.WorkflowNotFoundError, match=r"cursor '.+' is of another workflow than 'w'"):
        workflow.watch("w", cursor)


@pytest.mark.parametrize(
    ("cursor", "error"),
    [("x", ValueError), ("1.2", ValueError), ("1:2.x", ValueError), ("1:2.³", ValueError), (3, TypeError)],
)
def test_what_is_no_cursor(engine: EngineUnderTest, cursor: Any, error: type[Exception]) -> None:
    workflow.run(give.bind(1), workflow_id="w")
    with pytest.raises(error, match="cursor"):
        workflow.watch("w", cursor)
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.watch("nope")
