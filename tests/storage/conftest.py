from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.invariants import check_store
from tests.storage.opened import Opened, opened


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Opened]:
    """A store with a set clock."""
    made = opened(tmp_path)
    yield made
    made.store.close()
    check_store(tmp_path / "heliograph.db")
