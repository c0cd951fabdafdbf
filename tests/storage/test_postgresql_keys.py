"""Keys of new workflows are set aside for who stores many, and keep the order in which workflows come in."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from heliograph import workflow
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.status import WorkflowStatus
from heliograph.storage.databases import postgresql_keys
from heliograph.storage.databases.postgresql_keys import KeysAside
from heliograph.storage.entries import Accepted, Refused, Submission
from heliograph.storage.journal.journal import Batch
from tests.postgresql import plain
from tests.storage.opened import NOBODY, Opened, chain, opened
from tests.tasks import give


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    workflow.shutdown()


class Counting:
    """A connection that counts what it is asked."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.asked = 0
        self._raw = raw

    def execute(self, *given: Any) -> Any:
        self.asked += 1
        return self._raw.execute(*given)


@pytest.fixture
def raw(url: str) -> Iterator[Counting]:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        yield Counting(connection)


def test_who_stores_many_asks_seldom(raw: Counting) -> None:
    keys = KeysAside(clock=lambda: 0.0)
    assert [keys.next(raw) for _ in range(200)] == [*range(1, 201)]
    assert raw.asked == 11  # 1, 2, 4, 8, 16, and 32 each time


def test_who_stores_one_now_and_then_gets_the_newest(raw: Counting) -> None:
    now = [0.0]
    keys, others = KeysAside(clock=lambda: now[0]), KeysAside(clock=lambda: now[0])
    for _ in range(4):  # the last of four that were set aside is left
        keys.next(raw)
    now[0] += postgresql_keys._SOON_SECONDS
    others_key = others.next(raw)
    assert keys.next(raw) == others_key + 1


def test_what_was_dropped_is_not_used(raw: Counting) -> None:
    keys = KeysAside(clock=lambda: 0.0)
    for _ in range(4):
        keys.next(raw)
    keys.drop()
    assert [keys.next(raw) for _ in range(2)] == [8, 9]


def test_threads_get_different_ones(raw: Counting) -> None:
    keys = KeysAside(clock=lambda: 0.0)
    together = threading.Barrier(4)

    def some(_: int) -> list[int]:
        together.wait()
        return [keys.next(raw) for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        got = sorted(key for found in pool.map(some, range(4)) for key in found)
    assert got == [*range(1, 201)]


@pytest.fixture
def store(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """One with keys set aside: it has used four of seven."""
    monkeypatch.setattr(postgresql_keys, "_SOON_SECONDS", 60.0)
    made = opened(url)
    journal = made.journal()
    assert [made.submit(journal, name).key for name in ("1", "2", "3", "4")] == [1, 2, 3, 4]
    yield made
    made.store.close()


def test_after_several_in_one_commit_keys_are_newer(store: Opened) -> None:
    journal = store.journal()
    plan, arguments, _ = store.store.with_arguments(make_plan(chain(), Inputs()))
    answers = journal.commit(
        Batch(
            [
                Submission(name, plan, arguments, "{}", WorkflowStatus.RUNNING, NOBODY, store.clock())
                for name in ("together", "at once")
            ],
            [],
        )
    ).answers
    assert [isinstance(answer, Accepted) and answer.key for answer in answers] == [8, 9]
    assert store.submit(journal, "after").key == 10


def test_an_id_that_is_taken_costs_nothing_but_keys(store: Opened) -> None:
    journal = store.journal()
    plan, arguments, _ = store.store.with_arguments(make_plan(chain(), Inputs()))
    again = Submission("1", plan, arguments, "{}", WorkflowStatus.RUNNING, NOBODY, store.clock())
    assert isinstance(journal.commit(Batch([again], [])).answers[0], Refused)
    assert store.submit(journal, "after").key > 7


def test_a_forked_process_uses_none_of_its_parents(store: Opened) -> None:
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert store.submit(store.journal(), "after").key == 8


def test_workflows_at_once_are_listed_in_the_order_in_which_they_came(url: str) -> None:
    workflow.init(storage=url, workers="threads")
    names = [f"{number}" for number in range(40)]
    futures = [workflow.run_async(give.bind(name), workflow_id=name) for name in names]
    assert [future.result() for future in futures] == names
    assert [found["workflow_id"] for found in workflow.list_metadata()] == names[::-1]
