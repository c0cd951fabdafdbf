"""The sender's side of events over HTTP: store one, and wait until it is checkpointed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import Final

from heliograph.engines.store_thread import POLL_SECONDS, StoreThread
from heliograph.records.event import EventState, SendOrder, SentEvent
from heliograph.storage.location import Location

_OPEN: Final = frozenset({EventState.SENT, EventState.TAKEN})


class HTTPSender:
    """Sends for all requests of a server: they wait together, without a thread or a query each.

    Args:
        location: of the storage.
    """

    def __init__(self, location: Location) -> None:
        self._store = StoreThread(location)
        self._waiting: defaultdict[int, list[asyncio.Future[SentEvent]]] = defaultdict(list)
        self._to_look: set[int] = set()
        self._news: asyncio.Event | None = None
        self._serving: asyncio.Task[None] | None = None

    async def send(self, order: SendOrder) -> SentEvent:
        """Store an event, and wait until the task that takes it has its output stored.

        Who stops waiting does not take the event back: it is stored, and will be taken.

        Returns:
            An event that is CHECKPOINTED; KEPT, if nobody waits for it and it was to be kept; or why it is
            stored no more, which is also the answer if its workflow ends without it.

        Raises:
            ValueError: the sender gave its name to another payload before.
            StorageError: it can't be stored, or not be known how it went on.
        """
        sent = await self._store.ask(lambda store: store.mailbox.send(order))
        if sent.event is None or sent.state not in _OPEN:
            return sent
        future: asyncio.Future[SentEvent] = asyncio.get_running_loop().create_future()
        self._waiting[sent.event].append(future)
        # Others may have looked since it was stored, and not at this one.
        self._to_look.add(sent.event)
        self._wake()
        try:
            return await future
        finally:
            self._forget(sent.event, future)

    def close(self) -> None:
        """Close the storage. Nobody may wait any more."""
        self._store.close()

    def _forget(self, event: int, future: asyncio.Future[SentEvent]) -> None:
        futures = self._waiting.get(event, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(event, None)

    def _wake(self) -> None:
        if self._serving is None:
            self._news = asyncio.Event()
            self._serving = asyncio.create_task(self._serve(self._news), name="heliograph-http-sender")
        elif self._news is not None:
            self._news.set()

    async def _serve(self, news: asyncio.Event) -> None:
        try:
            while self._waiting:
                news.clear()
                await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), POLL_SECONDS)
        except Exception as error:  # of the storage: all who wait have to know that it can't be asked
            for futures in self._waiting.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
        finally:
            self._serving = None

    async def _look(self) -> None:
        new, self._to_look = list(self._to_look), set()
        waiting = list(self._waiting)
        settled = await self._store.ask_if_changed(lambda store: store.mailbox.look(waiting))
        if settled is None and new:
            settled = await self._store.ask(lambda store: store.mailbox.look(new))
        for event in [event for event, is_settled in (settled or {}).items() if is_settled]:
            await self._settle(event)

    async def _settle(self, event: int) -> None:
        sent = await self._store.ask(lambda store: store.mailbox.settle(event))
        if sent.state in _OPEN:
            return  # its workflow was resumed in this moment
        for future in self._waiting.get(event, ()):
            if not future.done():
                future.set_result(sent)
