"""A connection that looks for its answer before it sleeps gives the answers that any other does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psycopg
import pytest

from heliograph.host import lookout
from heliograph.host.lookout import Lookout
from heliograph.storage.databases.postgresql_lookout import LookingConnection
from tests.postgresql import Server, plain

LONG = 60.0


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "_has_company", lambda: True)


@pytest.fixture
def connection(server: Server, tmp_path: Path) -> Iterator[LookingConnection]:
    made = server.database(tmp_path / "values", empty=True)
    with LookingConnection.connect(plain(made), autocommit=True) as connection:
        yield connection
    server.drop(made)


def looking(connection: LookingConnection, soon: float) -> list[int]:
    """Have it look for so long from now on; returns a list that gets an item for each look."""
    looks: list[int] = []
    arrived = connection._arrived

    def counted(patience: float | None) -> object:
        looks.append(0)
        return arrived(patience)

    connection._arrived = counted
    connection._lookout = Lookout(soon=soon)
    return looks


@pytest.mark.parametrize("soon", [0.0, 0.0005, LONG])
def test_answers_are_the_same(connection: LookingConnection, soon: float) -> None:
    looking(connection, soon)
    for _ in range(3):
        assert connection.execute("SELECT 7").fetchone() == (7,)
        assert connection.execute("SELECT pg_sleep(0.05), 8").fetchone() == ("", 8)
        many = connection.execute("SELECT * FROM generate_series(1, 20000)").fetchall()
        assert many == [(number,) for number in range(1, 20001)]
        large = "x" * 8_000_000  # more than the server takes before it answers
        assert connection.execute("SELECT %s::text", [large]).fetchone() == (large,)
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0")
        with connection.transaction():
            connection.execute("SELECT 9")


@pytest.mark.parametrize(("soon", "is_looked_for"), [(LONG, True), (0.0, False)])
def test_who_was_answered_soon_looks_and_who_was_not_sleeps(
    connection: LookingConnection, soon: float, is_looked_for: bool
) -> None:
    looks = looking(connection, soon)
    connection.execute("SELECT 1")
    before = len(looks)
    connection.execute("SELECT pg_sleep(0.2)")
    assert (len(looks) > before + 100) is is_looked_for


def test_ctrl_c_during_a_look_leaves_the_connection_as_it_was(connection: LookingConnection) -> None:
    looking(connection, LONG)
    connection.execute("SELECT 1")

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            connection.execute("SELECT pg_sleep(50)")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert connection.execute("SELECT 7").fetchone() == (7,)
