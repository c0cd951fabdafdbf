"""News: wakes those who wait for what others store, where the database can; elsewhere they look often."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakSet

from heliograph.graph.frozen import record

_MOST_KEYS: Final = 500  # in a message, whose length databases limit
_SAFETY_SECONDS: Final = 5.0
"""Those who are woken look so often all the same: a message may be lost with its connection."""
_LOOK_SECONDS: Final = 1.0
"""And so often where nobody can be woken: that an engine died changes nothing that is stored."""


@record
class Notice:
    """What has just been stored.

    Attributes:
        changed: keys of workflows.
        lost: those of them whose run may not be its engine's any more.
        unowned: there may be a workflow that no engine has.
        events: an event was sent or taken.
        anything: and whatever else; something may have been missed.

    >>> Notice.read(Notice(frozenset([7]), unowned=True).written()) == Notice(frozenset([7]), unowned=True)
    True
    """

    changed: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    unowned: bool = False
    events: bool = False
    anything: bool = False

    def and_also(self, other: Notice) -> Notice:
        """Both in one."""
        return Notice(
            self.changed | other.changed,
            self.lost | other.lost,
            self.unowned or other.unowned,
            self.events or other.events,
            self.anything or other.anything,
        )

    def written(self) -> str:
        """The notice as a short text."""
        if self.anything or len(self.changed) + len(self.lost) > _MOST_KEYS:
            return "[]"
        return json.dumps([sorted(self.changed), sorted(self.lost), self.unowned, self.events])

    @classmethod
    def read(cls, text: str) -> Notice:
        """What was written; of what makes no sense: that there may be anything."""
        try:
            changed, lost, unowned, events = json.loads(text)
            return cls(frozenset(changed), frozenset(lost), bool(unowned), bool(events))
        except (ValueError, TypeError):
            return cls(anything=True)


class Notifier(Protocol):
    """Carries notices from one process to the others."""

    is_connected: bool

    def send(self, notice: Notice) -> None:
        """Tell the others soon; never waits."""

    def close(self) -> None:
        """Tell what there still is to be told, and end."""


class Subscription:
    """What somebody who waits is told of.

    Args:
        news: of which storage.
        concerns: tells whether a notice is wanted.
        call: called with such a notice, in any thread; it must not wait for anything.
    """

    def __init__(
        self, news: News, concerns: Callable[[Notice], bool], call: Callable[[Notice], object] | None
    ) -> None:
        self._news = news
        self._concerns = concerns
        self._call = call
        self._heard = threading.Event()
        self._seen: int | None = None  # of `News.changes`

    def deliver(self, notice: Notice) -> None:
        """A notice came."""
        if notice.anything or self._concerns(notice):
            self._heard.set()
            if self._call is not None:
                self._call(notice)

    def wait(self, poll: float) -> bool:
        """Wait for news, or until it is worth a look all the same.

        Args:
            poll: where nobody can be woken, how often to ask whether anything was stored.

        Returns:
            Whether there may be any.
        """
        if self._news.patience(poll) != poll:
            heard = self._heard.wait(_SAFETY_SECONDS)
        else:
            heard = self._asked(poll)
        self._heard.clear()
        return heard

    def _asked(self, poll: float) -> bool:
        end = time.monotonic() + _LOOK_SECONDS
        while not self._heard.wait(poll):
            changes = self._news.changes()
            if changes != self._seen:
                self._seen = changes
                self.deliver(Notice(anything=True))
            elif time.monotonic() >= end:
                return False
        return True


class News:
    """Those who wait for what is stored in one open database, and the one that tells them.

    Args:
        make: makes the notifier, given what to call with each notice of others; None: there is none.
        changes: gives a number that differs after others stored something. Also an attribute.
    """

    def __init__(
        self, make: Callable[[Callable[[Notice], None]], Notifier | None], changes: Callable[[], int]
    ) -> None:
        self._make = make
        self.changes = changes
        self._notifier: Notifier | None = None
        self._is_made = False  # or will never be
        self._has_had_one = False  # a subscription of here: asking the set costs more
        self._near: WeakSet[Subscription] = WeakSet()
        self._far: WeakSet[Subscription] = WeakSet()
        self._lock = threading.Lock()

    def subscribe(
        self, concerns: Callable[[Notice], bool], call: Callable[[Notice], object] | None = None
    ) -> Subscription:
        """Be told from now on, for as long as the subscription is kept."""
        made = self.subscribe_to_others(concerns, call)
        with self._lock:
            self._near.add(made)
            self._has_had_one = True
        return made

    def subscribe_to_others(
        self, concerns: Callable[[Notice], bool], call: Callable[[Notice], object] | None
    ) -> Subscription:
        """Be told of what other processes store: for one who knows what this process does."""
        made = Subscription(self, concerns, call)
        with self._lock:
            self._far.add(made)
        self._made()
        return made

    @property
    def is_wanted(self) -> bool:
        """Whether it is worth telling anything."""
        return (self._has_had_one and bool(self._near)) or not self._is_made or self._notifier is not None

    def tell(self, notice: Notice) -> None:
        """Something was committed: those who wait in this process know at once, the others soon."""
        self._hand_on(notice, self._near)
        notifier = self._made()
        if notifier is not None:
            notifier.send(notice)

    def patience(self, poll: float) -> float:
        """How long one may wait without looking.

        Args:
            poll: where nobody can be woken.
        """
        notifier = self._notifier
        return _SAFETY_SECONDS if notifier is not None and notifier.is_connected else poll

    def close(self) -> None:
        """Tell what there still is to be told, and receive no more."""
        with self._lock:
            notifier, self._notifier, self._is_made = self._notifier, None, True
        if notifier is not None:
            notifier.close()

    def _received(self, notice: Notice) -> None:
        self._hand_on(notice, self._far)

    def _hand_on(self, notice: Notice, to: WeakSet[Subscription]) -> None:
        if to:
            with self._lock:
                there = list(to)
            for subscription in there:
                subscription.deliver(notice)

    def _made(self) -> Notifier | None:
        if not self._is_made:
            with self._lock:
                if not self._is_made:
                    self._notifier, self._is_made = self._make(self._received), True
        return self._notifier
