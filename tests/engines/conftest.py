"""What tests of executors share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.harness import Inbox, Works, children


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
    assert children() == before, "a worker is left"
