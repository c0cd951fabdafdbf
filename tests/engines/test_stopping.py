"""A worker that is told to stop: what it does not begin any more, and from when its grace counts."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from heliograph.engines import working
from heliograph.engines.engine import Engine
from heliograph.engines.loop.takeover import Appetite, TakeOver
from heliograph.storage.store import Store
from tests.conditions import DEADLINE, until


def test_what_was_found_while_it_was_told_to_stop_is_left_to_others() -> None:
    is_looking, may_find = threading.Event(), threading.Event()
    entered: list[Any] = []

    def unowned(_most: int, *, handed_in: bool) -> list[str]:
        is_looking.set()
        assert may_find.wait(DEADLINE)
        return ["w"]

    store = SimpleNamespace(
        handover=SimpleNamespace(unowned=unowned),
        news=SimpleNamespace(ear=lambda _concerns, _hear: None),
        clock=lambda: 0.0,
    )
    taking = TakeOver(cast(Store, store), entered.append, lambda: 0, Appetite(handed_in=True))  # type: ignore[arg-type]
    assert is_looking.wait(DEADLINE)
    stopping = threading.Thread(target=taking.stop)
    stopping.start()
    until(taking._stopping.is_set)
    may_find.set()
    stopping.join(DEADLINE)
    assert not stopping.is_alive()
    assert entered == []


def test_its_grace_counts_from_when_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    slept: list[float] = []

    class Slow:
        count = 3

        def take(self, *_limits: Any) -> None: ...

        def stop_taking(self) -> None:
            now[0] += 5

    monkeypatch.setattr(working, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append))
    told = threading.Event()
    told.set()
    assert working.work(cast(Engine, Slow()), told, None, grace=4) == 3
    assert slept == []
