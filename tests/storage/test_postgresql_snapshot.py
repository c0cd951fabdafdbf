"""Snapshots that take few trips to the server are of one moment all the same, and tell what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from heliograph.host.lookout import Lookout
from heliograph.storage.databases.database import Database
from heliograph.storage.databases.postgresql_transaction import TerseConnection
from heliograph.storage.location import locate

COUNT = "SELECT count(*) FROM workflow_counts"
MORE = "INSERT INTO workflow_counts (shard, status, workflows) VALUES (%(shard)s, 'FAILED', 1)"


@pytest.fixture
def connection(database: str) -> Iterator[TerseConnection]:
    with TerseConnection.connect(database, autocommit=True) as made:
        made.prepare_threshold = 1
        yield made


@pytest.fixture
def more(database: str) -> Iterator[Callable[[], object]]:
    """Has somebody else write a row."""
    with psycopg.connect(database, autocommit=True) as other:
        shards = iter(range(32))
        yield lambda: other.execute(MORE, {"shard": next(shards)})


def is_idle(connection: TerseConnection) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


def ask(connection: TerseConnection, queries: list[Any]) -> None:
    with connection.together(last=True):
        for query in queries:
            connection.execute(query)


def test_it_is_of_the_moment_of_its_first_question(
    connection: TerseConnection, more: Callable[[], object]
) -> None:
    connection.begin_snapshot()
    assert is_idle(connection)  # the server knows of none yet
    more()
    assert connection.execute(COUNT).fetchone() == (1,)
    more()
    with connection.together(last=False):
        first, second = connection.execute(COUNT), connection.execute(COUNT)
    assert [*first, *second] == [(1,), (1,)]
    with connection.together(last=True):
        last = connection.execute(COUNT)
    assert is_idle(connection)
    assert last.fetchone() == (1,)
    connection.end_snapshot()
    assert connection.execute(COUNT).fetchone() == (2,)


def test_one_that_begins_with_several_questions_is_of_one_moment(
    connection: TerseConnection, more: Callable[[], object]
) -> None:
    for _ in range(3):  # also once they are prepared
        connection.begin_snapshot()
        with connection.together(last=False):
            first = connection.execute(COUNT)
        before = first.fetchone()
        more()
        assert connection.execute(COUNT).fetchone() == before
        connection.end_snapshot()
        assert is_idle(connection)


def test_one_that_is_asked_by_a_cursor_is_of_one_moment(
    connection: TerseConnection, more: Callable[[], object]
) -> None:
    connection.begin_snapshot()
    assert connection.cursor().execute(COUNT).fetchone() == (0,)
    more()
    assert connection.cursor().execute(COUNT).fetchone() == (0,)
    connection.end_snapshot()
    assert is_idle(connection)


def test_one_that_is_asked_nothing_says_nothing(connection: TerseConnection) -> None:
    connection.begin_snapshot()
    connection.end_snapshot()
    connection.execute(COUNT)
    assert is_idle(connection)


def test_one_that_failed_before_it_began_is_none(connection: TerseConnection) -> None:
    connection.begin_snapshot()
    connection.give_up()
    connection.execute(COUNT)
    assert is_idle(connection)


@pytest.mark.parametrize("place", range(3))
def test_the_error_of_one_question_is_told_whichever_it_is_and_nothing_is_logged(
    connection: TerseConnection, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):  # when the answer comes is the server's affair
        asked: list[Any] = [COUNT] * 2
        asked.insert(place, "SELECT 1 FROM nowhere")
        connection.begin_snapshot()
        with pytest.raises(psycopg.errors.UndefinedTable):
            ask(connection, asked)
        connection.give_up()
        connection.rollback()
        assert connection.execute(COUNT).fetchone() == (0,)
    assert not caplog.records


def test_what_is_only_told_is_not_taken_for_answered(
    connection: TerseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    monkeypatch.setattr(Lookout, "heard", lambda _self, seconds: heard.append(seconds))
    with connection.together(last=False):
        for _ in range(5):
            connection.execute(COUNT)
        assert not heard


def is_ending(frame: FrameType | None) -> bool:
    """Whether a connection of before is let go, as may be at any moment: nobody hears of Ctrl-C there."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None


def ctrl_c_at(number: int) -> Callable[[FrameType, str, object], None]:
    """As it comes at any moment: here at that call of a function of the driver's, or of a snapshot's."""
    calls = 0

    def interrupt(frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        code = frame.f_code
        is_counted = "psycopg" in code.co_filename or "postgresql_snapshot" in code.co_filename
        calls += is_counted and not is_ending(frame)
        if calls == number:
            sys.settrace(None)
            raise KeyboardInterrupt

    return interrupt


def test_ctrl_c_amid_questions_leaves_the_next_ones_their_answers(database: str) -> None:
    asked = Database(locate(database))
    before = sys.gettrace()

    def ask(at: int | None = None) -> list[Any]:
        with asked.snapshot() as connection:
            if at is not None:
                sys.settrace(ctrl_c_at(at))
            with asked.together(connection):
                answers = [connection.raw.execute("SELECT %(n)s::int", {"n": n}) for n in (1, 2)]
            first = [row for answer in answers for row in answer]
            with asked.together(connection, last=True):
                last = connection.raw.execute("SELECT 3")
            sys.settrace(before)
        return [*first, *last]

    interrupted, goes_on = 0, True
    while goes_on:
        try:
            ask(interrupted + 1)
            goes_on = False
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(before)
        assert ask() == [(1,), (2,), (3,)]
    asked.close()
    assert interrupted > 50
