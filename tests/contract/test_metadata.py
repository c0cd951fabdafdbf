"""`get_metadata`, and what holds of all records."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph import workflow
from tests.conditions import until
from tests.gates import Gate, Ledger
from tests.tasks import fail_without, note, wait

if TYPE_CHECKING:
    from tests.contract.conftest import EngineUnderTest


@workflow.task
def give(value: object, *_after: object) -> object:
    return value


@workflow.task(max_retries=3, retry_exceptions=[OSError])
def succeed_at(ledger: Ledger, attempt: int) -> int:
    if (now := ledger.note("try")) < attempt:
        raise OSError(f"try {now}")
    return now


@workflow.task(max_retries=3)
def live_at(ledger: Ledger, attempt: int) -> int:
    if (now := ledger.note("try")) < attempt:
        os.kill(os.getpid(), signal.SIGKILL)
    return now


def nones(value: Any, path: str = "") -> list[str]:
    """Where in a record there is None, which there must never be."""
    match value:
        case None:
            return [path]
        case dict():
            return [found for key, part in value.items() for found in nones(part, f"{path}.{key}")]
        case list() | tuple():
            return [found for number, part in enumerate(value) for found in nones(part, f"{path}[{number}]")]
        case _:
            return []


def everything(workflow_id: str) -> list[dict[str, Any]]:
    return [
        workflow.get_metadata(workflow_id),
        *workflow.get_history(workflow_id),
        *workflow.get_tasks(workflow_id),
    ]


def test_of_a_workflow_status_user_metadata_stats_and_task_options(engine: EngineUnderTest) -> None:
    before = time.time()
    workflow.run(give.bind(1), workflow_id="mine", metadata={"team": "blue"})
    metadata = workflow.get_metadata("mine")
    assert metadata["workflow_id"] == "mine"
    assert metadata["status"] == "SUCCESSFUL"
    assert metadata["user_metadata"] == {"team": "blue"}
    assert metadata["name"] == "tests.contract.test_metadata.give"
    assert metadata["runs"] == 1
    assert metadata["engine"] == engine.name
    assert metadata["progress"] == {"done": 1, "total": 1, "by_status": {"SUCCESSFUL": 1}}
    assert before <= metadata["stats"]["start_time"] <= metadata["stats"]["end_time"] <= time.time()
    assert "error" not in metadata
    assert (
        metadata["task_options"].items()
        >= {
            "task_type": "FUNCTION",
            "retry_delay": 0.0,
            "retry_delay_max": 60.0,
            "max_retries": 3,
            "retry_exceptions": False,
            "catch_exceptions": False,
            "checkpoint": True,
        }.items()
    )


def test_task_options_of_a_workflow_are_those_of_the_task_that_gives_the_output(
    engine: EngineUnderTest,
) -> None:
    first = give.options(max_retries=7).bind(1)
    workflow.run(give.options(max_retries=1, retry_exceptions=True).bind(first), workflow_id="mine")
    options = workflow.get_metadata("mine")["task_options"]
    assert (options["max_retries"], options["retry_exceptions"]) == (1, True)


def test_of_a_task_name_task_options_user_metadata_workflow_refs_and_stats(engine: EngineUnderTest) -> None:
    options = workflow.options(name="second", metadata={"k": [1, None, {"a": "ü"}]})
    first = give.options(name="first").bind(1)
    other = give.options(name="other").bind(1)
    before = time.time()
    dag = give.options(**options, max_retries=5, retry_exceptions=[OSError, KeyError]).bind(
        first, [other, first]
    )
    workflow.run(dag, workflow_id="mine")
    task = workflow.get_metadata("mine", "second")
    assert task["name"] == task["task_id"] == "second"
    assert task["status"] == "SUCCESSFUL"
    assert task["user_metadata"] == {"k": [1, None, {"a": "ü"}]}
    assert task["workflow_refs"] == ["first", "other"]
    assert (
        task["task_options"].items()
        >= {
            "task_type": "FUNCTION",
            "retry_delay": 0.0,
            "retry_delay_max": 60.0,
            "max_retries": 5,
            "retry_exceptions": ["builtins.OSError", "builtins.KeyError"],
            "catch_exceptions": False,
            "checkpoint": True,
        }.items()
    )
    stats = task["stats"]
    assert before <= stats["start_time"] <= stats["end_time"] <= time.time()
    assert task["function"]["module"] == "tests.contract.test_metadata"
    assert task["function"]["qualname"] == "give"
    assert task["function"]["file"] == __file__
    assert task["output"]["type"] == "builtins.int"
    assert task["output"]["stored"] == "inline"
    assert task["output"]["size"] > 0
    assert task["reused"] is False


@pytest.mark.parametrize("how", ["position", "task_id", "name"])
def test_of_a_task_by_position_task_id_and_name(engine: EngineUnderTest, how: str) -> None:
    workflow.run(give.options(name="mine").bind(1), workflow_id="flow")
    if how == "position":
        metadata = workflow.get_metadata("flow", "mine")
    else:
        metadata = workflow.get_metadata("flow", **{how: "mine"})  # type: ignore[arg-type]
    assert metadata["name"] == "mine"


def test_two_different_names_for_the_task(engine: EngineUnderTest) -> None:
    workflow.run(give.options(name="a").bind(1), workflow_id="flow")
    assert workflow.get_metadata("flow", "a", name="a")["name"] == "a"
    with pytest.raises(ValueError, match="task_id and name mean the same, and are 'a' and 'b'"):
        workflow.get_metadata("flow", "a", name="b")


def test_unknown_ids_are_a_value_error_that_names_them(engine: EngineUnderTest) -> None:
    workflow.run(give.bind(1), workflow_id="mine")
    with pytest.raises(ValueError, match=r"^No such workflow_id 'nobody'$"):
        workflow.get_metadata("nobody")
    with pytest.raises(ValueError, match=r"^No such workflow_id 'nobody'$"):
        workflow.get_metadata("nobody", "task")
    with pytest.raises(ValueError, match=r"^No such task_id 'nothing' in workflow 'mine'$"):
        workflow.get_metadata("mine", "nothing")
    with pytest.raises(workflow.WorkflowNotFoundError):
        workflow.get_metadata("mine", name="nothing")


def test_a_field_that_is_not_known_yet_is_absent(engine: EngineUnderTest, gate: Gate) -> None:
    early = give.options(name="early").bind(1)
    running = wait.options(name="running").bind(gate, "running", early)
    output = workflow.run_async(give.options(name="late").bind(2, running), workflow_id="mine")
    gate.until_waiting("running")
    metadata = workflow.get_metadata("mine")
    assert metadata["status"] == "RUNNING"
    assert "start_time" in metadata["stats"]
    assert "end_time" not in metadata["stats"]
    task = until(lambda: (found := workflow.get_metadata("mine", "running"))["status"] == "RUNNING" and found)
    assert "start_time" in task["stats"]
    assert "end_time" not in task["stats"]
    assert "output" not in task
    assert task["attempts"][0]["status"] == "RUNNING"
    late = workflow.get_metadata("mine", "late")
    assert (late["status"], late["stats"], late["attempts"]) == ("PENDING", {}, [])
    assert workflow.get_metadata("mine", "early")["stats"]["end_time"] <= task["stats"]["start_time"]
    assert nones(everything("mine")) == []
    gate.open()
    engine.value(output)


def test_from_any_process_while_the_workflow_runs_or_after(engine: EngineUnderTest, gate: Gate) -> None:
    output = workflow.run_async(
        wait.options(name="task").bind(gate), workflow_id="mine", metadata={"team": "blue"}
    )
    gate.until_waiting()
    look = (
        "import json\n"
        "print(json.dumps([workflow.get_metadata('mine'), workflow.get_metadata('mine', 'task')]))"
    )
    running, _ = json.loads(engine.elsewhere(look))
    assert (running["status"], running["user_metadata"]) == ("RUNNING", {"team": "blue"})
    gate.open()
    engine.value(output)
    assert json.loads(engine.elsewhere(look)) == json.loads(
        json.dumps([workflow.get_metadata("mine"), workflow.get_metadata("mine", "task")])
    )


def test_a_failed_workflow_has_an_end_time(engine: EngineUnderTest, tmp_path: Path) -> None:
    dag = fail_without.options(name="breaks").bind(tmp_path / "flag", give.options(name="early").bind(1))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(give.options(name="late").bind(2, dag), workflow_id="mine")
    metadata = workflow.get_metadata("mine")
    assert metadata["status"] == "FAILED"
    assert metadata["error"] == {"type": "builtins.ValueError", "message": "no flag", "task_id": "breaks"}
    assert metadata["stats"]["end_time"] >= metadata["stats"]["start_time"]
    assert metadata["progress"]["total"] == 3
    assert metadata["progress"]["done"] == 1
    (attempt,) = workflow.get_metadata("mine", "breaks")["attempts"]
    assert attempt["status"] == "FAILED"
    assert attempt["error"]["type"] == "builtins.ValueError"
    assert attempt["error"]["message"] == "no flag"
    assert "fail_without" in attempt["error"]["traceback"]
    assert "heliograph/engines" not in attempt["error"]["traceback"]
    assert workflow.get_metadata("mine", "late")["attempts"] == []


def test_absent_and_never_none(engine: EngineUnderTest, gate: Gate, ledger: Ledger, tmp_path: Path) -> None:
    engine.restart(max_running_workflows=1)
    workflow.run(succeed_at.bind(ledger, 2), workflow_id="retried")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(tmp_path / "flag"), workflow_id="failed")
    workflow.run_async(wait.bind(gate, "canceled", give.bind(1)), workflow_id="canceled")
    gate.until_waiting("canceled")
    workflow.cancel("canceled")
    workflow.run_async(wait.bind(gate, "running"), workflow_id="running")
    workflow.run_async(give.bind(1), workflow_id="pending")
    gate.until_waiting("running")
    for name, _ in workflow.list_all():
        assert nones(everything(name)) == [], name
    engine.restart()
    for name, _ in workflow.list_all():
        assert nones(everything(name)) == [], name


def test_records_can_be_written_as_json(engine: EngineUnderTest, ledger: Ledger) -> None:
    workflow.run(succeed_at.bind(ledger, 2), workflow_id="mine")
    assert json.loads(json.dumps(everything("mine"))) == everything("mine")


def test_a_resume_moves_start_time_and_end_time_to_the_new_run(
    engine: EngineUnderTest, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag), workflow_id="mine")
    failed = workflow.get_metadata("mine")
    (first,) = workflow.get_history("mine")
    flag.touch()
    workflow.resume("mine")
    resumed = workflow.get_metadata("mine")
    assert resumed["status"] == "SUCCESSFUL"
    assert resumed["runs"] == 2
    assert resumed["stats"]["start_time"] > failed["stats"]["start_time"]
    assert resumed["stats"]["end_time"] > failed["stats"]["end_time"]
    assert "error" not in resumed
    history = workflow.get_history("mine")
    assert history[0] == first  # never rewritten
    assert [(run["run"], run["status"]) for run in history] == [(1, "FAILED"), (2, "SUCCESSFUL")]
    assert history[0]["reason"] == "start"
    assert history[1]["reason"] == "retry"
    assert history[1]["start_time"] == resumed["stats"]["start_time"]


def test_a_running_resume_has_no_end_time(engine: EngineUnderTest, gate: Gate) -> None:
    workflow.run_async(wait.bind(gate), workflow_id="mine")
    gate.until_waiting()
    engine.restart()
    output = workflow.resume_async("mine")
    assert "end_time" not in workflow.get_metadata("mine")["stats"]
    gate.open()
    engine.value(output)
    assert [run["reason"] for run in workflow.get_history("mine")] == ["start", "resume"]


def test_a_retry_adds_an_attempt(engine: EngineUnderTest, ledger: Ledger) -> None:
    assert workflow.run(succeed_at.options(name="task").bind(ledger, 3), workflow_id="mine") == 3
    task = workflow.get_metadata("mine", "task")
    attempts = task["attempts"]
    assert [attempt["attempt"] for attempt in attempts] == [1, 2, 3]
    assert [attempt["run"] for attempt in attempts] == [1, 1, 1]
    assert [attempt["status"] for attempt in attempts] == ["FAILED", "FAILED", "SUCCESSFUL"]
    assert [attempt["error"]["message"] for attempt in attempts[:2]] == ["try 1", "try 2"]
    assert "error" not in attempts[2]
    starts = [attempt["phases"]["started"] for attempt in attempts]
    assert starts == sorted(starts)
    assert task["stats"]["start_time"] == starts[2]
    assert workflow.get_metadata("mine")["runs"] == 1


def test_a_worker_that_dies_is_recorded_with_its_signal(
    isolating_engine: EngineUnderTest, ledger: Ledger
) -> None:
    assert workflow.run(live_at.options(name="task").bind(ledger, 2), workflow_id="mine") == 2
    died, lived = workflow.get_metadata("mine", "task")["attempts"]
    assert died["status"] == "FAILED"
    assert died["error"]["type"] == "heliograph.errors.WorkerDiedError"
    if not isolating_engine.is_ray:  # Ray does not tell what ended its workers
        assert died["resources"]["signal"] == signal.SIGKILL
    assert lived["status"] == "SUCCESSFUL"
    (run,) = workflow.get_history("mine")
    engine, worker = run["owner"]["pid"], died.get("worker")
    if worker is None:
        assert isolating_engine.is_ray  # there it may die before it says who it is
    else:
        assert len({lived["worker"]["pid"], engine, worker["pid"]}) == 3


def test_attempts_of_all_runs_are_kept(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    dag = fail_without.options(name="task").bind(flag)
    for _ in range(3):
        with pytest.raises(workflow.WorkflowExecutionError):
            workflow.run(dag, workflow_id="mine")
    before = workflow.get_metadata("mine", "task")["attempts"]
    flag.touch()
    workflow.resume("mine")
    attempts = workflow.get_metadata("mine", "task")["attempts"]
    assert attempts[:3] == before
    assert [(attempt["attempt"], attempt["run"]) for attempt in attempts] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_reused_checkpoint_is_marked_and_keeps_its_first_times(
    engine: EngineUnderTest, ledger: Ledger, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    early = note.options(name="early").bind(ledger, "early")
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.options(name="late").bind(flag, early), workflow_id="mine")
    first = workflow.get_metadata("mine", "early")
    assert first["reused"] is False
    flag.touch()
    workflow.resume("mine")
    again = workflow.get_metadata("mine", "early")
    assert again == first | {"reused": True}
    assert workflow.get_metadata("mine", "late")["reused"] is False
    assert [run["reused"] for run in workflow.get_history("mine")] == [0, 1]


def test_counts_agree_with_the_tasks(engine: EngineUnderTest, gate: Gate, tmp_path: Path) -> None:
    """While it runs, too: both are of one moment if nothing moves."""
    early = [give.bind(number) for number in range(5)]
    held = wait.bind(gate, "held", *early)
    output = workflow.run_async(
        give.bind(1, held, *[give.bind(2, held) for _ in range(4)]), workflow_id="mine"
    )
    gate.until_waiting("held")
    until(lambda: workflow.get_metadata("mine")["progress"]["by_status"].get("RUNNING"))
    counted = Counter(task["status"] for task in workflow.get_tasks("mine"))
    progress = workflow.get_metadata("mine")["progress"]
    assert progress["by_status"] == counted == {"SUCCESSFUL": 5, "RUNNING": 1, "PENDING": 5}
    assert (progress["done"], progress["total"]) == (5, 11)
    gate.open()
    engine.value(output)
    assert workflow.get_metadata("mine")["progress"]["by_status"] == {"SUCCESSFUL": 11}


def test_a_run_says_who_where_and_with_what(engine: EngineUnderTest) -> None:
    workflow.run(give.bind(1), workflow_id="mine")
    (run,) = workflow.get_history("mine")
    assert run["owner"]["host"] == os.uname().nodename
    assert run["owner"]["engine"] == engine.name
    assert (run["owner"]["pid"] == os.getpid()) is not engine.is_ray
    assert run["hostname"] == os.uname().nodename
    assert run["code"]["python"]
    assert run["argv"]
    assert run["reused"] == 0


def test_a_run_keeps_no_secrets_of_the_command_line(engine: EngineUnderTest) -> None:
    engine.elsewhere(
        "from tests.contract.test_metadata import give\nworkflow.run(give.bind(1), workflow_id='mine')",
        "--api-key=abc123",
        "--user=me",
    )
    (run,) = workflow.get_history("mine")
    assert run["argv"][1:] == ["--api-key=***", "--user=me"]


def test_stats_of_an_attempt(isolating_engine: EngineUnderTest) -> None:
    @workflow.task
    def burn() -> int:
        data = bytearray(50_000_000)
        return sum(data[::1000]) + sum(range(300_000))

    workflow.run(burn.options(name="burn").bind(), workflow_id="mine")
    (attempt,) = workflow.get_metadata("mine", "burn")["attempts"]
    phases = attempt["phases"]
    order = ["created", "ready", "submitted", "started", "loaded", "finished", "serialised", "stored"]
    assert list(phases) == order
    assert list(phases.values()) == sorted(phases.values())
    assert attempt["resources"]["measured"] == "exclusive"
    assert attempt["resources"]["cpu_time"] > 0
    assert attempt["resources"]["peak_rss"] > 50_000_000
    stats = workflow.get_metadata("mine", "burn")["stats"]
    assert stats["cpu_time"] == attempt["resources"]["cpu_time"]
    assert (stats["start_time"], stats["end_time"]) == (phases["started"], phases["finished"])


@workflow.task(max_retries=0)
def touch(megabytes: int, *_after: object) -> tuple[int, int]:
    data = bytearray(megabytes * 1_000_000)
    data[::4096] = bytes(len(data[::4096]))
    return os.getpid(), len(data)


def test_peak_memory_is_of_just_this_attempt(isolating_engine: EngineUnderTest) -> None:
    """In the same worker, whatever it held before."""
    sizes = [50, 200, 500, 50, 500, 200, 0]
    node = touch.options(name="first").bind(0)
    for place, size in enumerate(sizes):
        node = touch.options(name=f"{place}").bind(size, node)
    turns = itertools.count()

    def run_by_one_worker() -> list[dict[str, Any]]:  # as a chain is, unless another one becomes ready
        turn = f"{next(turns)}"
        workflow.run(node, workflow_id=turn)
        tasks = workflow.get_tasks(turn)[1:]
        return tasks if len({task["attempts"][0]["worker"]["pid"] for task in tasks}) == 1 else []

    tasks = until(run_by_one_worker, what="one worker to run a chain")
    idle = tasks[-1]["stats"]["peak_rss"]
    measured = [(size, task["stats"]["peak_rss"] - idle) for size, task in zip(sizes, tasks, strict=True)]
    assert all(abs(used - size * 1_000_000) < 10_000_000 for size, used in measured), measured
    assert {task["stats"]["measured"] for task in tasks} == {"exclusive"}


def test_cpu_time_is_that_of_the_task(isolating_engine: EngineUnderTest) -> None:
    # Functions that come by value: to import this module for the first time takes CPU time too.
    @workflow.task(max_retries=0)
    def burn(seconds: float) -> float:
        start = time.process_time()
        while time.process_time() < start + seconds:
            pass
        return time.process_time() - start

    @workflow.task(max_retries=0)
    def rest(seconds: float) -> None:
        time.sleep(seconds)

    busy, idle = burn.options(name="busy").bind(1), rest.options(name="idle").bind(1)
    workflow.run(give.bind([busy, idle]), workflow_id="mine")
    burned = isolating_engine.value(workflow.get_output_async("mine", task_id="busy"))
    assert abs(workflow.get_metadata("mine", "busy")["stats"]["cpu_time"] - burned) < 0.1 * burned
    slept = workflow.get_metadata("mine", "idle")["stats"]
    assert slept["cpu_time"] < 0.1
    assert slept["compute"] >= 1


BAD = [5, "text", [1], {1: object()}, {"a": {1, 2}}, {"a": float("nan")}, {(1, 2): 3}, {"a": b"bytes"}]


@pytest.mark.parametrize("metadata", BAD)
def test_user_metadata_that_json_can_not_hold_is_a_value_error_before_anything_ran(
    engine: EngineUnderTest, ledger: Ledger, metadata: Any
) -> None:
    with pytest.raises(ValueError, match="metadata must be"):
        workflow.run(note.bind(ledger, "ran"), workflow_id="mine", metadata=metadata)
    with pytest.raises(ValueError, match="metadata must be"):
        workflow.options(metadata=metadata)
    with pytest.raises(ValueError, match="metadata must be"):
        note.options(metadata=metadata)
    assert workflow.list_all() == []
    assert ledger.lines() == []


def test_user_metadata_is_what_it_was_when_it_was_given(engine: EngineUnderTest) -> None:
    of_workflow, of_task = {"k": ["v"]}, {"k": ["v"]}
    dag = give.options(name="task", metadata=of_task).bind(1)
    of_task["k"].append("later")
    workflow.run(dag, workflow_id="mine", metadata=of_workflow)
    of_workflow["k"].append("later")
    assert workflow.get_metadata("mine")["user_metadata"] == {"k": ["v"]}
    assert workflow.get_metadata("mine", "task")["user_metadata"] == {"k": ["v"]}


def test_no_user_metadata_is_an_empty_dict(engine: EngineUnderTest) -> None:
    workflow.run(give.options(name="task").bind(1), workflow_id="mine")
    assert workflow.get_metadata("mine")["user_metadata"] == {}
    assert workflow.get_metadata("mine", "task")["user_metadata"] == {}


def test_user_metadata_stays_as_it_is_through_a_resume(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(fail_without.bind(flag), workflow_id="mine", metadata={"k": 1})
    flag.touch()
    workflow.run(fail_without.bind(flag), workflow_id="mine", metadata={"k": 2})
    assert workflow.get_metadata("mine")["user_metadata"] == {"k": 1}


def test_stats_of_a_task_are_of_its_last_attempt(engine: EngineUnderTest, ledger: Ledger) -> None:
    workflow.run(succeed_at.options(name="task").bind(ledger, 3), workflow_id="mine")
    task = workflow.get_metadata("mine", "task")
    last = task["attempts"][-1]
    assert task["stats"]["start_time"] == last["phases"]["started"]
    assert task["stats"]["end_time"] == last["phases"]["finished"]
    assert task["stats"]["compute"] == last["durations"]["compute"]
    assert task["stats"]["start_time"] > task["attempts"][0]["phases"]["finished"]


@workflow.task
def start_another(workflow_id: str) -> object:
    return workflow.run(give.bind(2), workflow_id=workflow_id)


def test_a_workflow_that_a_task_starts_has_a_parent(engine: EngineUnderTest) -> None:
    assert workflow.run(start_another.bind("child"), workflow_id="mine") == 2
    assert workflow.get_metadata("child")["parent"] == "mine"
    assert "parent" not in workflow.get_metadata("mine")


def test_a_workflow_that_a_task_starts_is_of_the_same_program(engine: EngineUnderTest) -> None:
    """Also on Ray, whose workers have command lines of their own."""
    workflow.run(start_another.bind("child"), workflow_id="mine")
    (mine,), (child,) = workflow.get_history("mine"), workflow.get_history("child")
    assert (child["argv"], child["user"]) == (mine["argv"], mine["user"])
    for fact in ("entry_point", "git_commit", "packages_hash"):
        assert child["code"].get(fact) == mine["code"].get(fact)


def test_tasks_in_pages(engine: EngineUnderTest) -> None:
    parts = [give.options(name=f"part-{n}").bind(n) for n in range(5)]
    workflow.run(give.options(name="all").bind(parts), workflow_id="mine", metadata={"team": "blue"})
    whole = workflow.get_metadata("mine", tasks=True)
    assert whole.items() >= workflow.get_metadata("mine").items()
    assert whole["counts"] == {"SUCCESSFUL": 6}
    assert whole["truncated"] is False
    assert "after" not in whole
    assert whole["tasks"] == workflow.get_metadata("mine", tasks=True, limit=6)["tasks"]
    assert whole["tasks"] == workflow.get_tasks("mine")
    assert whole["tasks"] == [
        workflow.get_metadata("mine", name=name) for name in [*[f"part-{n}" for n in range(5)], "all"]
    ]
    last = whole["tasks"][-1]
    assert [needed["task_id"] for needed in last["inputs"]] == last["workflow_refs"]
    assert all(needed["size"] > 0 and needed["stored"] == "inline" for needed in last["inputs"])
    assert last["inputs_size"] == sum(n["size"] for n in last["inputs"]) + last["arguments"]["size"]
    first = workflow.get_metadata("mine", tasks=True, limit=4)
    assert (first["truncated"], first["after"]) == (True, "part-3")
    rest = workflow.get_metadata("mine", tasks=True, limit=4, after=first["after"])
    assert first["tasks"] + rest["tasks"] == whole["tasks"]


def test_all_is_a_name_where_there_is_such_a_task(engine: EngineUnderTest) -> None:
    workflow.run(give.options(name="all").bind(1), workflow_id="one")
    workflow.run(give.bind(1), workflow_id="other")
    assert workflow.get_metadata("one", "all")["task_id"] == "all"
    assert len(workflow.get_metadata("other", "all")["tasks"]) == 1
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such task_id 'all'"):
        workflow.get_metadata("other", name="all")


def test_pages_that_can_not_be(engine: EngineUnderTest) -> None:
    workflow.run(give.options(name="x").bind(1), workflow_id="mine")
    with pytest.raises(ValueError, match="ask with tasks=True"):
        workflow.get_metadata("mine", limit=3)
    with pytest.raises(ValueError, match="ask for either"):
        workflow.get_metadata("mine", "x", tasks=True)
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        workflow.get_metadata("mine", tasks=True, limit=0)
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such task_id 'nope'"):
        workflow.get_metadata("mine", tasks=True, after="nope")
    with pytest.raises(workflow.WorkflowNotFoundError, match="No such workflow_id 'nope'"):
        workflow.get_metadata("nope", tasks=True)


def test_history_has_all_runs_and_attempts(engine: EngineUnderTest, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    dag = fail_without.options(name="b").bind(flag, give.options(name="a").bind(1))
    with pytest.raises(workflow.WorkflowExecutionError):
        workflow.run(dag, workflow_id="mine")
    flag.touch()
    workflow.resume("mine")
    whole = workflow.history("mine")
    assert [run["run"] for run in whole["runs"]] == [1, 2]
    assert [(one["task_id"], one["attempt"], one["run"], one["status"]) for one in whole["attempts"]] == [
        ("a", 1, 1, "SUCCESSFUL"),
        ("b", 1, 1, "FAILED"),
        ("b", 2, 2, "SUCCESSFUL"),
    ]
    first = workflow.history("mine", limit=2)
    assert first["truncated"]
    rest = workflow.history("mine", after=first["after"])
    assert first["attempts"] + rest["attempts"] == whole["attempts"]
    with pytest.raises(ValueError, match="after must be what an earlier answer gave"):
        workflow.history("mine", after="x")


@workflow.task(max_retries=2, retry_exceptions=[OSError], retry_delay=0.01)
def tell_and_fail(ledger: Ledger) -> int:
    current = workflow.current()
    current.log("trying")
    current.progress(current.attempt, 3)
    return ledger.note("try") if current.attempt > 2 else raised(OSError(f"try {current.attempt}"))


def raised(error: Exception) -> int:
    raise error


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_history_tells_of_attempts_what_their_tasks_do(
    engine: EngineUnderTest, ledger: Ledger, limit: int
) -> None:
    tasks = [tell_and_fail.options(name=name).bind(ledger) for name in ("a", "b")]
    workflow.run(give.bind(1, *tasks), workflow_id="mine")
    page = workflow.history("mine", limit=limit)
    told = page["attempts"]
    while page["truncated"]:
        page = workflow.history("mine", limit=limit, after=page["after"])
        told += page["attempts"]
    by_task = [
        {"task_id": task["task_id"], **attempt}
        for task in workflow.get_tasks("mine")
        for attempt in task["attempts"]
    ]
    assert told == by_task
    third = told[2]
    assert (third["backoff_reason"], third["progress"]["done"]) == ("builtins.OSError: try 2", 3)
    assert third["events"] == {"lines": 1}


def test_the_pause_before_a_retry_has_a_reason(engine: EngineUnderTest, tmp_path: Path) -> None:
    task = succeed_at.options(retry_delay=0.01, name="task").bind(Ledger(tmp_path / "ledger"), 2)
    workflow.run(task, workflow_id="mine")
    first, second = workflow.get_metadata("mine", "task")["attempts"]
    assert "backoff_reason" not in first
    assert second["backoff_reason"] == "builtins.OSError: try 1"
