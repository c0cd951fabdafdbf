"""What tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.gates import Gate, Ledger

# No database: it would be a file. No deadline: it would be the clock, on a machine that others use too.
settings.register_profile(
    "ours", database=None, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """Holds tasks up; opens at the end, so that no thread is left behind it."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")
