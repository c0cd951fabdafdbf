"""What attempts say on Ray arrives in the order in which it was said."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")

from heliograph.engines.attempts.executor import AttemptKey  # noqa: E402
from heliograph.engines.ray.order import NAMESPACE, Address  # noqa: E402
from heliograph.engines.ray.sayings import Sayings  # noqa: E402
from heliograph.records.report import Report  # noqa: E402


@ray.remote
class SlowAtFirst:
    """Takes calls as the coordinator does; the first one until another has come, or could have."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self._came = asyncio.Event()
        self._is_first = True

    async def ask(self, _method: str, _life: str, _key: AttemptKey, report: Report, *_before: Any) -> None:
        if self._is_first:
            self._is_first = False
            with contextlib.suppress(TimeoutError):  # then nothing overtakes it
                await asyncio.wait_for(self._came.wait(), timeout=1)
        self._came.set()
        self.heard.append(report.metadata["number"])

    async def all(self) -> list[int]:
        return self.heard


@pytest.mark.usefixtures("storage")
def test_a_report_does_not_overtake_the_one_before() -> None:
    actor = SlowAtFirst.options(name="slow-at-first", namespace=NAMESPACE).remote()  # type: ignore[attr-defined]
    sayings = Sayings(Address("slow-at-first", "life", ""), AttemptKey(1, 1, 0, 1))
    for number in range(3):
        sayings.send(Report({"number": number}))
    sayings.settle()
    assert ray.get(actor.all.remote()) == [0, 1, 2]
    ray.kill(actor)
