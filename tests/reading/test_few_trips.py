"""What a question to a server costs is first of all how often it goes there and back."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from heliograph import workflow
from heliograph.engines.opening import opened
from heliograph.errors import WorkflowCancellationError
from heliograph.storage.databases.postgresql_lookout import LookingConnection
from tests import postgresql

COUNT = 7
TASK = f"{__name__}.give"


@workflow.task
def give(number: int) -> int:
    return number


@pytest.fixture(scope="module", autouse=True)
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    storage = postgresql.server().database(tmp_path_factory.mktemp("storage"))
    workflow.init(storage=storage, workers="threads")
    for number in range(COUNT):
        workflow.run(give.bind(number), workflow_id=f"{number}", metadata={"rest": number % 3})
    yield
    workflow.shutdown()
    postgresql.server().drop(storage)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """How often this thread waits for the server's answer."""
    waited, me, wait = [0], threading.get_ident(), LookingConnection.wait

    def counting(self: LookingConnection, gen: Any, *given: Any, **options: Any) -> Any:
        is_only_told = self._pipeline is not None and gen.__name__ in ("_enter_gen", "_execute_gen")
        waited[0] += threading.get_ident() == me and not is_only_told
        return wait(self, gen, *given, **options)

    def counted(ask: Callable[[], object]) -> int:
        before = waited[0]
        ask()
        return waited[0] - before

    monkeypatch.setattr(LookingConnection, "wait", counting)
    return counted


@pytest.mark.parametrize(
    ("ask", "count"),
    [
        (lambda: workflow.get_metadata("3"), 1),
        (lambda: workflow.get_status("3"), 1),
        (lambda: workflow.list_metadata(limit=5), 1),
        (lambda: workflow.search(), 1),
        (lambda: workflow.search("user_metadata.rest = 1"), 1),
        (lambda: workflow.search("status = SUCCESSFUL and user_metadata.rest = 1"), 1),
        (lambda: workflow.search("user_metadata.rest = 1 or user_metadata.rest = 2", limit=2), 1),
        (lambda: workflow.search("runs = 1", limit=2), 1),
        (lambda: workflow.summarize("status"), 1),
        # Which engines are there, what they have, and the end of the snapshot.
        (lambda: workflow.search("status = RUNNING"), 3),
        # The workflow, then all of the task.
        (lambda: workflow.get_metadata("3", TASK), 2),
        # The workflow, its changes, its tasks, and what belongs to them.
        (lambda: workflow.get_metadata("3", tasks=True), 4),
        # Which there are, then what is known of them.
        (lambda: workflow.search(order_by="-stats.duration"), 2),
        (lambda: workflow.search("status = SUCCESSFUL", tasks=True), 2),
        (lambda: opened().store.checkpoints.plan(1), 1),
    ],
)
def test_a_page_is_one_trip(
    ask: Callable[[], object], count: int, trips: Callable[[Callable[[], object]], int]
) -> None:
    ask()  # whose engines workflows are is read once
    ask()  # and what is said twice is prepared
    assert trips(ask) == count


def test_all_rows_of_a_workflow_are_deleted_in_one_trip(trips: Callable[[Callable[[], object]], int]) -> None:
    for name in ("before", "deleted"):  # what is said twice is prepared
        workflow.run(give.bind(1), workflow_id=name, metadata={"rest": 9})
        count = trips(functools.partial(workflow.delete, name))
    # Which it is; begin, its own row, the folders of its values, all else, and commit.
    assert count == 6
    assert not workflow.search("user_metadata.rest = 9")["found"]


def test_a_workflow_is_cancelled_in_few_trips(trips: Callable[[Callable[[], object]], int]) -> None:
    for name in ("before", "cancelled"):
        run = workflow.run_async(workflow.sleep(3_600), workflow_id=name)
        count = trips(functools.partial(workflow.cancel, name))
        with pytest.raises(WorkflowCancellationError):
            run.result()
        workflow.delete(name)
    # Which it is; begin, its own row, its run and tasks, how many tasks are over, all else, and commit.
    assert count == 7


def test_a_page_that_is_not_full_at_once_is_of_one_moment(
    monkeypatch: pytest.MonkeyPatch, trips: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr("heliograph.storage.searching.first_rows._FIRST_ON_SERVER", 0)

    def ask() -> None:
        assert not workflow.search("user_metadata.rest = 0 and status = FAILED", limit=2)["found"]

    assert trips(ask) == 3  # a look at the first ones; search, and commit
    assert [trips(ask) for _ in range(8)] == [2] * 7 + [3]  # what was in vain is not tried each time
