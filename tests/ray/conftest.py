"""What tests on Ray share: the cluster, and a storage each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph import workflow
from tests import clusters
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


@pytest.fixture(scope="module")
def _shared_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    clusters.start()
    folder = tmp_path_factory.mktemp("storage")
    yield folder
    clusters.kill_coordinators()
    check_store(folder / "heliograph.db")


@pytest.fixture
def one_storage(_shared_storage: Path) -> Iterator[Path]:
    """The same storage, with its coordinator, for all tests of a module; empty for each."""
    workflow.init(storage=_shared_storage)
    yield _shared_storage
    workflow.shutdown()
    workflow.init(storage=_shared_storage)
    for workflow_id, status in workflow.list_all():
        if status in ("RUNNING", "PENDING"):
            workflow.cancel(workflow_id)
        workflow.delete(workflow_id)
    workflow.shutdown()
