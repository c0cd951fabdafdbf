"""A connection that looks for its answer before it sleeps gives the answers that any other does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import psycopg
import pytest

from heliograph.storage.databases import postgresql_lookout
from heliograph.storage.databases.postgresql_lookout import LookingConnection
from tests.postgresql import Server, plain

LONG = 60.0


@pytest.fixture
def connection(server: Server, tmp_path: Path) -> Iterator[LookingConnection]:
    made = server.database(tmp_path / "values", empty=True)
    with LookingConnection.connect(plain(made), autocommit=True) as connection:
        yield connection
    server.drop(made)


class Looks:
    """Counts the waits that begin with a look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soon: float, has_company: bool = True) -> None:
        self.count = 0
        looked = postgresql_lookout._Looked

        def counted(*given: object) -> object:
            self.count += 1
            return looked(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(postgresql_lookout, "_Looked", counted)
        monkeypatch.setattr(postgresql_lookout, "_SOON_SECONDS", soon)
        monkeypatch.setattr(postgresql_lookout, "has_company", lambda: has_company)


@pytest.mark.parametrize("soon", [0.0, 0.0005, LONG])
def test_answers_are_the_same(
    connection: LookingConnection, monkeypatch: pytest.MonkeyPatch, soon: float
) -> None:
    Looks(monkeypatch, soon)
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


def test_who_was_answered_soon_looks_and_who_was_not_sleeps(
    connection: LookingConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(monkeypatch, LONG)
    connection.execute("SELECT 1")  # may be the first
    before = looks.count
    connection.execute("SELECT 1")
    assert looks.count == before + 1
    looks = Looks(monkeypatch, 0.0)
    connection.execute("SELECT 1")  # takes longer than that
    before = looks.count
    connection.execute("SELECT 1")
    assert looks.count == before


def test_alone_on_a_processor_nobody_looks(
    connection: LookingConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(monkeypatch, LONG, has_company=False)
    for _ in range(3):
        connection.execute("SELECT 1")
    assert looks.count == 0


def test_ctrl_c_during_a_look_leaves_the_connection_as_it_was(
    connection: LookingConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Looks(monkeypatch, LONG)
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
