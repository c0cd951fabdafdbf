"""What tests of executors share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph.engines.embedded.processes import ProcessExecutor
from heliograph.engines.embedded.threads import ThreadExecutor
from tests.engines.harness import Inbox, Works, children

Make = Callable[..., Any]


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path / "values")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def closing() -> Iterator[list[Any]]:
    """Executors that are closed after the test, with all their workers."""
    executors: list[Any] = []
    before = children()
    yield executors
    for executor in executors:
        executor.close()
    assert children() <= before, "a worker is left"  # what an earlier test started may have ended


@pytest.fixture(params=[ThreadExecutor, ProcessExecutor], ids=["threads", "processes"])
def make(request: pytest.FixtureRequest, inbox: Inbox, closing: list[Any]) -> Make:
    """Makes an executor of either kind."""

    def make(count: int | None = 2) -> Any:
        closing.append(request.param(inbox, count))
        return closing[-1]

    return make


@pytest.fixture
def processes(inbox: Inbox, closing: list[Any]) -> Make:
    """Makes one of processes."""

    def processes(count: int | None = 2) -> ProcessExecutor:
        closing.append(ProcessExecutor(inbox, count))
        return closing[-1]

    return processes
