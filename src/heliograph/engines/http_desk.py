"""Where all the `HTTPListener`s of an event loop wait together.

Ten thousand of them cost one coroutine that looks, and one query when something was stored; not one each.
What they want stored goes to the storage together, too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final
from weakref import WeakValueDictionary

from heliograph.engines import place
from heliograph.engines.store_thread import POLL_SECONDS, StoreThread
from heliograph.errors import WorkflowError
from heliograph.records.event import EventWait, Handed
from heliograph.storage.databases.news import Notice
from heliograph.storage.location import Location

_MOST_AT_ONCE: Final = 1_000  # in one transaction, so that a flood lets others write in between


class Desk:
    """The listeners of one event loop. It is there while anybody waits.

    Args:
        location: of the storage.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._waiting: dict[EventWait, asyncio.Future[Handed]] = {}
        self._at: defaultdict[tuple[str, str], dict[EventWait, None]] = defaultdict(dict)
        self._to_look: dict[EventWait, None] = {}
        self._leaving: list[tuple[EventWait, Handed | None]] = []
        self._checkpointed: list[tuple[tuple[str, str], asyncio.Future[None]]] = []
        self._news = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def wait(self, waiting: EventWait) -> Handed:
        """Wait for an event.

        Raises:
            WorkflowError: the workflow is over, or another attempt has taken this one's place.
            StorageError: the storage can't be read any more.
        """
        future: asyncio.Future[Handed] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = future
        self._at[waiting.workflow_id, waiting.event_key][waiting] = None
        self._to_look[waiting] = None
        self._wake()
        try:
            return await future
        except asyncio.CancelledError:
            # It may have been handed an event in this very moment.
            is_handed = future.done() and not future.cancelled() and future.exception() is None
            self._leaving.append((waiting, future.result() if is_handed else None))
            self._wake()
            raise
        finally:
            self._forget(waiting)

    async def note_checkpointed(self, workflow_id: str, event_key: str) -> None:
        """The event that a task of the workflow took is stored as its output.

        Raises:
            StorageError: that can't be stored.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._checkpointed.append(((workflow_id, event_key), future))
        self._wake()
        await future

    def _forget(self, waiting: EventWait) -> None:
        self._waiting.pop(waiting, None)
        self._to_look.pop(waiting, None)
        at = (waiting.workflow_id, waiting.event_key)
        self._at[at].pop(waiting, None)
        if not self._at[at]:
            del self._at[at]

    def _wake(self) -> None:
        self._news.set()
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name="heliograph-http-desk")

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()

        def note(_notice: Notice) -> None:
            with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody waits there
                loop.call_soon_threadsafe(self._news.set)

        store = StoreThread(self.location, note)
        try:
            while self._waiting or self._leaving or self._checkpointed:
                self._news.clear()
                has_written = [
                    await self._leave(store),
                    await self._checkpoint(store),
                    await self._look(store),
                ]
                if self._to_look:
                    continue
                if any(has_written):
                    # Each transaction has every engine on this storage look whether it is concerned: those
                    # who come one after the other wait for each other a little.
                    await asyncio.sleep(POLL_SECONDS)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), store.patience(POLL_SECONDS))
        except Exception as error:  # of the storage: whoever waits has to know
            noted, self._checkpointed = self._checkpointed, []
            _fail([*self._waiting.values(), *[future for _at, future in noted]], error)
        finally:
            self._serving = None
            leaving, self._leaving = self._leaving, []
            store.close((lambda open_: open_.mailbox.leave(leaving)) if leaving else None)

    async def _leave(self, store: StoreThread) -> bool:
        leaving, self._leaving = self._leaving, []
        if leaving:
            await store.ask(lambda open_: open_.mailbox.leave(leaving))
        return bool(leaving)

    async def _checkpoint(self, store: StoreThread) -> bool:
        noted, self._checkpointed = self._checkpointed, []
        if not noted:
            return False
        places = {at for at, _future in noted}
        try:
            await store.ask(lambda open_: open_.mailbox.note_checkpointed(places))
        except Exception as error:
            _fail([future for _at, future in noted], error)
            return True
        for _at, future in noted:
            if not future.done():
                future.set_result(None)
        return True

    async def _look(self, store: StoreThread) -> bool:
        """Hand out what has come; whether there was anybody to look for."""
        if self._waiting:
            for at in await store.ask_if_changed(lambda open_: open_.mailbox.sent()) or ():
                self._to_look.update(self._at.get(at, {}))
        looking = list(self._to_look)[:_MOST_AT_ONCE]
        if not looking:
            return False
        for one in looking:
            del self._to_look[one]
        answers = await store.ask(lambda open_: open_.mailbox.listen(looking))
        for one in looking:
            handed = answers.get(one)
            future = self._waiting.get(one)
            if future is None or future.done():  # it left meanwhile, not knowing what it would have got
                if handed is not None:
                    self._leaving.append((one, handed))
            elif one not in answers:
                future.set_exception(
                    WorkflowError(
                        f"task {one.task_id!r} of workflow {one.workflow_id!r} waits for an event no more: "
                        "the workflow is over, or another attempt has taken its place"
                    )
                )
            elif handed is not None:
                future.set_result(handed)
        return True


def _fail(futures: Iterable[asyncio.Future[Any]], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)


_desks: Final[WeakValueDictionary[tuple[asyncio.AbstractEventLoop, Location], Desk]] = WeakValueDictionary()
"""While anybody waits there: a desk knows its event loop, and would keep it alive."""


def desk() -> Desk:
    """The desk of the event loop that runs this, for the storage of the engine that runs this task."""
    at = asyncio.get_running_loop(), place.here()
    found = _desks.get(at)
    if found is None:
        found = _desks[at] = Desk(at[1])
    return found
