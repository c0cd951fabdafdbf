"""The sender's side of events: store one, and wait until it is checkpointed."""

from __future__ import annotations

import json
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import field
from typing import Any, Final

from heliograph.engines.store_thread import POLL_SECONDS
from heliograph.errors import EventNotAwaitedError, WorkflowNotFoundError
from heliograph.graph.checks import checked_flag
from heliograph.graph.frozen import record
from heliograph.graph.identifiers import check_identifier
from heliograph.records.event import EventState, SendOrder, SentEvent
from heliograph.storage.databases.news import Notice, Subscription
from heliograph.storage.location import Location
from heliograph.storage.store import Store

_SETTLED: Final = {EventState.CHECKPOINTED: "checkpointed", EventState.KEPT: "kept"}


def send_order(
    workflow_id: str, event_key: str, event_payload: Any, keep: bool, idempotency_key: str | None
) -> SendOrder:
    """An event as a user gives it, checked; see `workflow.send_event`.

    Raises:
        TypeError: an id or a key that is no str, or `keep` that is no bool.
        ValueError: one that can't be, or a payload that JSON can't hold.
    """
    checked_flag("keep", keep)
    try:
        # In ASCII: halves of characters and zero bytes, which not every database takes, stay escaped.
        payload = json.dumps(event_payload, allow_nan=False)
    except RecursionError:
        raise ValueError("event_payload is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"event_payload must be JSON serialisable: {error}") from error
    return SendOrder(
        check_identifier("workflow_id", workflow_id),
        check_identifier("event_key", event_key),
        payload,
        keep,
        None if idempotency_key is None else check_identifier("idempotency_key", idempotency_key),
    )


@record
class _Sending:
    order: SendOrder
    answer: Future[str] = field(default_factory=Future)


class EventSender:
    """Sends for all who send in a process: they wait together, in one thread, without a query each.

    Args:
        location: of the storage. It is opened with the first event.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._inbox: queue.SimpleQueue[_Sending | Notice | None] = queue.SimpleQueue()  # None: that was all
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        # The rest is the thread's.
        self._store: Store | None = None
        self._subscription: Subscription | None = None
        self._is_told = False
        self._waiting: dict[int, list[Future[str]]] = {}
        self._to_look: set[int] = set()
        self._changes_seen = -1

    def send(self, order: SendOrder) -> Future[str]:
        """Store an event; the future is done when the task that takes it has its output stored.

        To cancel the future does not take the event back: it is stored, and will be taken.

        Returns:
            ``checkpointed``; or ``kept``, if nobody waits for it and it was to be kept.

        Raises (from the future):
            WorkflowNotFoundError: there is no such workflow.
            EventNotAwaitedError: nobody waits for it, or its workflow ended without it.
            ValueError: the sender gave its name to another payload before.
            StorageError: it can't be stored, or not be known how it went on.
            RuntimeError: the storage was closed meanwhile.
        """
        sending = _Sending(order)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("heliograph was shut down: nothing can be sent")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="heliograph-send", daemon=True)
                self._thread.start()
            self._inbox.put(sending)
        return sending.answer

    def close(self) -> None:
        """Close the storage. Those who still wait are told so; what was sent stays sent."""
        with self._lock:
            self._is_closed = True
            self._inbox.put(None)
            store = self._store
        if store is not None:
            store.lose_patience()
        if self._thread is not None:
            self._thread.join()

    # In the thread.

    def _serve(self) -> None:
        look_at = looked_at = time.monotonic()
        while True:
            try:
                patience = max(0.0, look_at - time.monotonic()) if self._waiting else None
                sending = self._inbox.get(timeout=patience)
            except queue.Empty:
                pass
            else:
                if sending is None:
                    break
                if isinstance(sending, Notice):
                    self._is_told = False
                    look_at = min(look_at, looked_at + POLL_SECONDS)
                else:
                    self._send(sending)
                    look_at = min(look_at, time.monotonic() + POLL_SECONDS)
            if self._waiting and time.monotonic() >= look_at:
                self._look()
                looked_at = time.monotonic()
                look_at = looked_at + self._opened_patience()
        self._fail(RuntimeError("heliograph was shut down; the event stays sent"))
        if self._store is not None:
            self._store.close()

    def _send(self, sending: _Sending) -> None:
        try:
            sent = self._opened().mailbox.send(sending.order)
        except Exception as error:  # of the storage, or the name was used before: its sender gets it
            _settle(sending.answer, error)
            return
        if sent.event is None or sent.state in _SETTLED:
            _settle(sending.answer, _outcome(sent))
            return
        others = [answer for answer in self._waiting.get(sent.event, ()) if not answer.cancelled()]
        self._waiting[sent.event] = [*others, sending.answer]
        # Others may have looked since it was stored, and not at this one.
        self._to_look.add(sent.event)

    def _look(self) -> None:
        try:
            store = self._opened()
            changes = store.again(store.changes)
            if changes != self._changes_seen:
                self._changes_seen = changes  # before the look: what is stored meanwhile is a change again
                for event in [event for event, answers in self._waiting.items() if _all_left(answers)]:
                    del self._waiting[event]
                looking = list(self._waiting)
            else:
                looking = list(self._to_look)
            self._to_look.clear()
            looked = store.mailbox.look(looking) if looking else {}
            for event, is_settled in looked.items():
                sent = store.mailbox.settle(event) if is_settled else None
                if sent is not None and (sent.event is None or sent.state in _SETTLED):
                    for answer in self._waiting.pop(event, ()):
                        _settle(answer, _outcome(sent))
        except Exception as error:  # of the storage: all who wait have to know that it can't be asked
            self._fail(error)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._location)
            self._subscription = self._store.news.subscribe(
                lambda notice: notice.events or bool(notice.changed), self._note
            )
        return self._store

    def _opened_patience(self) -> float:
        return POLL_SECONDS if self._store is None else self._store.news.patience(POLL_SECONDS)

    def _note(self, notice: Notice) -> None:
        if self._waiting and not self._is_told:
            self._is_told = True
            self._inbox.put(notice)

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, {}
        self._to_look.clear()
        for answers in waiting.values():
            for answer in answers:
                _settle(answer, error)


def _outcome(sent: SentEvent) -> str | Exception:
    if sent.state is not None:
        return _SETTLED[sent.state]
    return WorkflowNotFoundError(sent.refusal) if sent.is_unknown else EventNotAwaitedError(sent.refusal)


def _settle(answer: Future[str], outcome: str | Exception) -> None:
    if not answer.set_running_or_notify_cancel():
        return  # nobody waits any more
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _all_left(answers: list[Future[str]]) -> bool:
    return all(answer.cancelled() for answer in answers)
