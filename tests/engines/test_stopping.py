"""A worker that is told to stop: what it does not begin any more, what it waits for, and for how long."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from heliograph import workflow
from heliograph.engines import working
from heliograph.engines.engine import Engine, submission
from heliograph.engines.loop.takeover import Takeover, TakeoverLimits
from heliograph.engines.settings import EngineSettings
from heliograph.errors import StorageError
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.status import WorkflowStatus
from heliograph.storage.journal.journal import Batch, Committed, Journal
from heliograph.storage.location import locate
from heliograph.storage.store import Store
from tests.conditions import DEADLINE, until


class Taking:
    """A thread that takes workflows, of a store that finds one as soon as it may."""

    def __init__(self) -> None:
        self.is_looking, self.may_find = threading.Event(), threading.Event()
        self.entered: list[Future[Any]] = []
        store = SimpleNamespace(
            handover=SimpleNamespace(unowned=self._unowned),
            news=SimpleNamespace(subscribe=lambda _concerns, _call: None),
            clock=lambda: 0.0,
        )
        self.takeover = Takeover(cast(Store, store), self._enter, lambda: 0, TakeoverLimits(handed_in=True))
        assert self.is_looking.wait(DEADLINE)

    def _unowned(self, _most: int, *, handed_in: bool) -> list[str]:
        self.is_looking.set()
        assert self.may_find.wait(DEADLINE)
        return ["w"]

    def _enter(self, _claim: Any) -> Future[Any]:
        self.entered.append(Future())
        return self.entered[-1]


def test_a_look_that_takes_long_is_not_waited_for_and_nothing_comes_of_it() -> None:
    taking = Taking()
    taking.takeover.stop(DEADLINE)
    taking.may_find.set()
    taking.takeover.join()
    assert taking.entered == []


def test_what_is_being_taken_is_waited_for_as_long_as_there_is_patience() -> None:
    taking = Taking()
    taking.may_find.set()
    until(lambda: taking.entered)
    taking.takeover.stop(patience=0)
    assert not taking.entered[0].done()
    stopping = threading.Thread(target=taking.takeover.stop, args=[DEADLINE])
    stopping.start()
    taking.entered[0].set_result(None)
    stopping.join(DEADLINE)
    assert not stopping.is_alive()
    taking.takeover.join()
    assert len(taking.entered) == 1


def test_a_storage_that_nothing_can_be_taken_from_is_told_once_until_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[StorageError | None] = [StorageError("a"), StorageError("a"), None, StorageError("b"), None]
    is_over = threading.Event()

    def unowned(_most: int, *, handed_in: bool) -> list[str]:
        answer = answers.pop(0) if answers else None
        if not answers:
            is_over.set()
        if answer is not None:
            raise answer
        return []

    said: list[str] = []
    monkeypatch.setattr("heliograph.engines.loop.takeover.warn", said.append)
    monkeypatch.setattr("heliograph.engines.loop.takeover.LOOK_SECONDS", 0)
    store = SimpleNamespace(
        handover=SimpleNamespace(unowned=unowned),
        news=SimpleNamespace(subscribe=lambda _concerns, _call: None),
    )
    takeover = Takeover(cast(Store, store), lambda _claim: Future(), lambda: 0, TakeoverLimits())
    assert is_over.wait(DEADLINE)
    takeover.stop(0)
    takeover.join()
    assert [text.rpartition(": ")[2] for text in said] == ["a", "b"]


@workflow.task
def never() -> None:
    """Its engine is to close before."""


def test_who_closes_does_not_wait_for_what_just_came_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read and begun only by the engine that takes it next."""
    store = Store(locate(tmp_path / "storage"))
    engine = Engine(store, EngineSettings("threads", 1))
    commit, closing = Journal.commit, threading.Thread(target=engine.close)

    def closed_meanwhile(journal: Journal, batch: Batch) -> Committed:
        committed = commit(journal, batch)
        if batch.entries:
            closing.start()
            until(lambda: engine.is_closed)
        return committed

    monkeypatch.setattr(Journal, "commit", closed_meanwhile)
    read: list[int] = []
    monkeypatch.setattr(store.checkpoints, "plan", read.append)
    wanted = submission(make_plan(never.bind(), Inputs()), "mine", "{}", store, WorkflowStatus.PENDING)
    store.handover.hand_in(wanted, None)
    engine.take(own=None)
    until(lambda: engine.is_closed)
    closing.join(DEADLINE)
    assert not closing.is_alive()
    found = store.queries.workflow("mine")
    assert found is not None
    assert (found.status, found.run) == (WorkflowStatus.RESUMABLE, 1)
    assert read == []
    store.close()


def test_its_grace_counts_from_when_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    slept: list[float] = []

    class Slow:
        count = 3

        def take(self, *_limits: Any) -> None: ...

        def stop_taking(self, patience: float) -> None:
            assert patience == 4
            now[0] += 5

    monkeypatch.setattr(working, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append))
    told = threading.Event()
    told.set()
    assert working.work(cast(Engine, Slow()), told, None, grace=4) == 3
    assert slept == []
