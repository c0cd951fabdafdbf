"""What tests on Ray share: the cluster, and a storage each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests import clusters
from tests.gates import Gate, Ledger
from tests.invariants import check_store


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    """A storage of its own; whatever runs on it is gone with the test."""
    clusters.start()
    folder = tmp_path / "storage"
    workflow.init(storage=folder)
    yield folder
    workflow.shutdown()
    clusters.kill_coordinators()
    if (folder / "heliograph.db").exists():
        check_store(folder / "heliograph.db")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")
