"""A store for coroutines.

All it does is done by one thread of its own, so that no event loop ever waits for a disk or a lock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from heliograph.engines.attempts.threads import fulfil
from heliograph.storage.databases.news import Notice, Subscription
from heliograph.storage.location import Location
from heliograph.storage.store import Store

T = TypeVar("T")

POLL_SECONDS: Final = 0.05
"""How often a loop asks whether another process has stored something; the question costs microseconds."""


class StoreThread:
    """One store and its thread; both begin with the first question.

    Args:
        location: of the storage.
        note: called, in any thread, when an event was sent or taken; see `news.Subscription`.
    """

    def __init__(self, location: Location, note: Callable[[Notice], object] | None = None) -> None:
        self.location = location
        self._note = note
        self._subscription: Subscription | None = None
        self._store: Store | None = None
        # An executor's threads end with the main thread, before the program's others and the engine do.
        self._thread = threading.Thread(target=self._serve, name="heliograph-store", daemon=True)
        self._questions: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._changes_seen = -1

    async def ask(self, question: Callable[[Store], T]) -> T:
        """What the question returns or raises; it is asked in the thread.

        Raises:
            StorageError: the storage can't be opened, or the question meets with one.
        """
        import asyncio  # late: a coroutine asks, so it is there already; others need none of it

        answer = self._put(lambda: self._answer(question))
        if self._thread.ident is None:
            self._thread.start()
        return await asyncio.wrap_future(answer)

    def patience(self, poll: float) -> float:
        """How long one may wait to be told without asking; see `News.patience`."""
        return poll if self._store is None or self._subscription is None else self._store.news.patience(poll)

    async def ask_if_changed(self, question: Callable[[Store], T]) -> T | None:
        """As `ask`; None, and not asked, if nobody else has stored anything since this was called last."""
        return await self.ask(lambda store: self._if_changed(store, question))

    def close(self, last: Callable[[Store], object] | None = None) -> None:
        """Close the store, if it was opened, and end the thread; waits for both.

        Args:
            last: a question to be asked before; what comes of it is nobody's concern any more.
        """
        if self._thread.ident is not None:
            self._put(lambda: self._close(last))
            self._questions.put(None)
            self._thread.join()

    def _put(self, question: Callable[[], T]) -> Future[T]:
        answer: Future[T] = Future()
        self._questions.put(lambda: fulfil(answer, question))
        return answer

    # In the thread.

    def _serve(self) -> None:
        while (question := self._questions.get()) is not None:
            question()

    def _answer(self, question: Callable[[Store], T]) -> T:
        if self._store is None:
            self._store = Store(self.location)
            if self._note is not None:
                self._subscription = self._store.news.subscribe(lambda notice: notice.events, self._note)
        return question(self._store)

    def _if_changed(self, store: Store, question: Callable[[Store], T]) -> T | None:
        changes = store.changes()
        if changes == self._changes_seen:
            return None
        self._changes_seen = changes  # before the question: what is stored meanwhile is a change again
        return question(store)

    def _close(self, last: Callable[[Store], object] | None) -> None:
        if self._store is None:
            return
        try:
            if last is not None:
                last(self._store)
        finally:
            self._store.close()
