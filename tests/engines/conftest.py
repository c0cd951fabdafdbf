"""What tests of executors share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.harness import Inbox, Works


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path / "values")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def closing() -> Iterator[list[Any]]:
    """Executors that are closed after the test."""
    executors: list[Any] = []
    yield executors
    for executor in executors:
        executor.close()
