"""A worker thread whose task waits for a workflow gives its place to another one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests.invariants import check_store
from tests.tasks import give

MANY = 300  # more than an executor of two threads is given at once
PLACES = 2


@pytest.fixture(autouse=True)
def _storage(tmp_path: Path) -> Iterator[None]:
    workflow.init(storage=tmp_path / "storage", workers="threads", num_workers=PLACES)
    yield
    workflow.shutdown()
    check_store(tmp_path / "storage" / "heliograph.db")


@workflow.task
def threads() -> int:
    return threading.active_count()


@workflow.task
def most(numbers: list[int]) -> int:
    return max(numbers)


@workflow.task
def threads_below(depth: int) -> int:
    below = [threads_below.bind(depth - 1) if depth else threads.bind() for _ in range(3)]
    return int(workflow.run(most.bind(below)))


@workflow.task
def output_of(workflow_id: str) -> object:
    return workflow.get_output(workflow_id)


@workflow.task
def forked() -> int:
    child = os.fork()
    if not child:
        os._exit(0 if workflow.run(give.bind(0)) == 0 else 1)
    return os.waitpid(child, 0)[1]


@workflow.task
def note(number: int) -> int:
    return number


def most_at_once(workflow_id: str, name: str) -> int:
    """How many tasks of this name ran at the same time, by their records."""
    tasks = [one["stats"] for one in workflow.get_tasks(workflow_id) if one["name"].startswith(name)]
    moments = [(stats["start_time"], 1) for stats in tasks]
    moments += [(stats["start_time"] + stats["compute"], -1) for stats in tasks]
    at_once, found = 0, 0
    for _, change in sorted(moments):
        at_once += change
        found = max(found, at_once)
    return found


def test_a_task_waits_for_a_workflow_that_is_not_its_own() -> None:
    event = workflow.wait_for_event(workflow.HTTPListener, "go")
    other = workflow.run_async(give.bind(7, event), workflow_id="other")
    waiting = workflow.run_async(give.bind(0, *[output_of.bind("other") for _ in range(MANY)]))
    workflow.send_event("other", "go", None)
    assert (other.result(60), waiting.result(60)) == (7, 0)


def test_the_deepest_go_first_so_that_few_threads_wait() -> None:
    found = workflow.run(most.bind([threads_below.bind(1) for _ in range(MANY // 3)]))
    assert found < MANY // 6, "a few for each level, and those of the engine"


@pytest.mark.filterwarnings("ignore:.* multi-threaded, use of fork:DeprecationWarning")  # what is tried here
def test_a_child_that_a_task_forks_has_no_place_to_give() -> None:
    assert workflow.run(forked.bind()) == 0


def test_what_comes_after_runs_in_as_many_threads_as_ever() -> None:
    workflow.run(most.bind([threads_below.bind(1) for _ in range(10)]))
    workflow.run(
        give.bind(0, [note.options(name=f"note-{n}").bind(n) for n in range(MANY)]), workflow_id="after"
    )
    assert most_at_once("after", "note-") <= PLACES
