from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgresql
from tests.invariants import check_store
from tests.storage.opened import Opened, opened


@pytest.fixture
def server() -> postgresql.Server:
    return postgresql.server()


@pytest.fixture
def url(server: postgresql.Server, tmp_path: Path) -> Iterator[str]:
    """A storage on PostgreSQL, with nothing in it."""
    made = server.database(tmp_path / "values")
    yield made
    check_store(made)
    server.drop(made)


@pytest.fixture
def database(server: postgresql.Server, tmp_path: Path) -> Iterator[str]:
    """A database with the tables, for the driver; nobody looks whether their rows belong together."""
    made = server.database(tmp_path / "values")
    yield postgresql.plain(made)
    server.drop(made)


@pytest.fixture
def stores(url: str) -> Iterator[list[Opened]]:
    """One storage, opened twice, as by two processes."""
    made = [opened(url), opened(url)]
    yield made
    for one in made:
        one.store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """A store with a set clock."""
    made = opened(tmp_path if request.param == "sqlite" else request.getfixturevalue("url"))
    yield made
    made.store.close()
    check_store(made.database)
