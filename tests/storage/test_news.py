"""Who waits for what others store is woken on PostgreSQL, and need not ask again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg

from heliograph.storage.databases.news import News, Notice
from tests.conditions import DEADLINE, until
from tests.postgresql import plain
from tests.storage.opened import Opened


class Heard:
    """Remembers what a subscription was given."""

    def __init__(self, news: News, concerns: Callable[[Notice], bool]) -> None:
        self.notices: list[Notice] = []
        self._came = threading.Event()
        self.subscription = news.subscribe(concerns, self._note)

    def _note(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._came.set()

    def until(self, holds: Callable[[Notice], bool]) -> None:
        until(lambda: any(map(holds, self.notices)), what=f"a notice among {self.notices}")


def is_connected(one: Opened) -> bool:
    return one.store.news.patience(0.0) > 0


def test_a_process_hears_what_another_one_stored(stores: list[Opened]) -> None:
    here, there = stores
    heard = Heard(here.store.news, lambda _: True)
    until(lambda: is_connected(here))
    journal = there.journal()
    run = there.submit(journal, "mine")
    there.succeed(journal, run, 0)
    heard.until(lambda notice: run.key in notice.changed and not notice.lost)
    there.store.cancel(there.record("mine").key)
    heard.until(lambda notice: run.key in notice.lost)
    journal.close()
    heard.until(lambda notice: notice.unowned)
    claimed = there.journal()
    there.claim(claimed, "mine")
    heard.until(lambda notice: run.key in notice.lost and notice is not heard.notices[0])


def test_who_waits_is_woken_and_does_not_look_before(stores: list[Opened]) -> None:
    here, there = stores
    run = there.submit(there.journal(), "mine")
    subscription = here.store.news.subscribe(lambda notice: run.key in notice.lost)
    until(lambda: is_connected(here))
    subscription.wait(0.0)
    waiting = threading.Thread(target=lambda: until(lambda: subscription.wait(DEADLINE)))
    waiting.start()
    there.store.cancel(there.record("mine").key)
    waiting.join(DEADLINE)
    assert not waiting.is_alive()


def test_after_a_connection_broke_who_waits_looks(stores: list[Opened], url: str) -> None:
    here, _ = stores
    heard = Heard(here.store.news, lambda _: False)
    until(lambda: is_connected(here) and heard.notices)  # of what may have been missed before
    before = len(heard.notices)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
    until(lambda: any(notice.anything for notice in heard.notices[before:]))
    assert is_connected(here)


def test_what_is_too_long_is_anything() -> None:
    assert Notice.read(Notice(frozenset(range(10_000))).written()).anything
    assert Notice.read("nonsense").anything


def test_without_a_notifier_who_waits_asks_often_and_looks_when_something_was_stored() -> None:
    changes = iter([1, 1, 1, 2, *[2] * 1000])
    news = News(lambda _hear: None, lambda: next(changes))
    assert news.patience(0.025) == 0.025
    subscription = news.subscribe(lambda notice: notice.events)
    news.tell(Notice(events=True))
    assert subscription.wait(DEADLINE)
    assert subscription.wait(0.0)  # the first look at what is stored
    assert subscription.wait(0.0)
    assert next(changes) == 2
    assert not subscription.wait(0.01)
