"""Connections that are read from: nobody else has one meanwhile, and a failure leaves nothing open on it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from heliograph.errors import StorageError
from tests.storage.opened import Opened


def test_one_is_used_again(here: Opened) -> None:
    database = here.store._database
    with database.read() as first, database.snapshot() as second:
        both = {first.raw, second.raw}
        assert len(both) == 2  # nobody else has one until it is given back
    with database.snapshot() as first, database.read() as second:
        assert {first.raw, second.raw} == both


@pytest.mark.parametrize("how", ["read", "snapshot"])
def test_one_that_failed_leaves_nothing_open(here: Opened, how: str) -> None:
    database = here.store._database
    for _ in range(3):
        with pytest.raises(StorageError, match="nowhere"), getattr(database, how)() as connection:
            connection.execute(text("SELECT * FROM nowhere"))
        with pytest.raises(ZeroDivisionError), getattr(database, how)():
            raise ZeroDivisionError
    with database.snapshot() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
