"""News: who waits for what others store is woken, where the database can do that, and else looks often."""

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
"""Who is woken looks so often all the same: a message may be lost with its connection."""
_LOOK_SECONDS: Final = 1.0
"""And so often where nobody can be woken: that an engine died changes nothing that is stored."""


@record
class Word:
    """What has just been stored.

    Attributes:
        changed: keys of workflows.
        lost: those of them whose run may not be its engine's any more.
        unowned: there may be a workflow that no engine has.
        events: an event was sent or taken.
        anything: and whatever else; something may have been missed.

    >>> Word.read(Word(frozenset([7]), unowned=True).written()) == Word(frozenset([7]), unowned=True)
    True
    """

    changed: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    unowned: bool = False
    events: bool = False
    anything: bool = False

    def and_also(self, other: Word) -> Word:
        """Both in one."""
        return Word(
            self.changed | other.changed,
            self.lost | other.lost,
            self.unowned or other.unowned,
            self.events or other.events,
            self.anything or other.anything,
        )

    def written(self) -> str:
        """The word as a short text."""
        if self.anything or len(self.changed) + len(self.lost) > _MOST_KEYS:
            return "[]"
        return json.dumps([sorted(self.changed), sorted(self.lost), self.unowned, self.events])

    @classmethod
    def read(cls, text: str) -> Word:
        """What was written; of what makes no sense: that there may be anything."""
        try:
            changed, lost, unowned, events = json.loads(text)
            return cls(frozenset(changed), frozenset(lost), bool(unowned), bool(events))
        except (ValueError, TypeError):
            return cls(anything=True)


class Bell(Protocol):
    """Carries words from one process to the others."""

    is_connected: bool

    def ring(self, word: Word) -> None:
        """Tell the others soon; never waits."""

    def close(self) -> None:
        """Tell what there still is to be told, and end."""


class Ear:
    """Somebody who waits for news.

    Args:
        news: what he listens to.
        concerns: tells whether a word is for him.
        call: called with such a word, in any thread; it must not wait for anything.
    """

    def __init__(
        self, news: News, concerns: Callable[[Word], bool], call: Callable[[Word], object] | None = None
    ) -> None:
        self._news = news
        self._concerns = concerns
        self._call = call
        self._heard = threading.Event()
        self._seen: int | None = None  # of `News.changes`

    def hear(self, word: Word) -> None:
        """A word was said."""
        if word.anything or self._concerns(word):
            self._heard.set()
            if self._call is not None:
                self._call(word)

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
                self.hear(Word(anything=True))
            elif time.monotonic() >= end:
                return False
        return True


class News:
    """Who listens to what is stored in one open database, and who tells them.

    Args:
        hang: makes the bell, given what to call with each word that others say; None: there is none.
        changes: gives a number that differs after others stored something. Also an attribute.
    """

    def __init__(
        self, hang: Callable[[Callable[[Word], None]], Bell | None], changes: Callable[[], int]
    ) -> None:
        self._hang = hang
        self.changes = changes
        self._bell: Bell | None = None
        self._is_hung = False  # or will never be
        self._is_heard = False  # somebody listened here once: asking the set costs more
        self._near: WeakSet[Ear] = WeakSet()
        self._far: WeakSet[Ear] = WeakSet()
        self._lock = threading.Lock()

    def ear(self, concerns: Callable[[Word], bool], call: Callable[[Word], object] | None = None) -> Ear:
        """Somebody who listens from now on, for as long as he is there; see `Ear`."""
        made = self.far_ear(concerns, call)
        with self._lock:
            self._near.add(made)
            self._is_heard = True
        return made

    def far_ear(self, concerns: Callable[[Word], bool], call: Callable[[Word], object] | None = None) -> Ear:
        """Somebody who listens to other processes only: he knows what this one stores."""
        made = Ear(self, concerns, call)
        with self._lock:
            self._far.add(made)
        self._hung()
        return made

    @property
    def is_heeded(self) -> bool:
        """Whether it is worth telling anything."""
        return (self._is_heard and bool(self._near)) or not self._is_hung or self._bell is not None

    def tell(self, word: Word) -> None:
        """Something was committed: who waits in this process knows at once, the others soon."""
        self._hand_on(word, self._near)
        bell = self._hung()
        if bell is not None:
            bell.ring(word)

    def patience(self, poll: float) -> float:
        """How long who waits may wait without looking.

        Args:
            poll: where nobody can be woken.
        """
        bell = self._bell
        return _SAFETY_SECONDS if bell is not None and bell.is_connected else poll

    def close(self) -> None:
        """Tell what there still is to be told, and hear no more."""
        with self._lock:
            bell, self._bell, self._is_hung = self._bell, None, True
        if bell is not None:
            bell.close()

    def _heard(self, word: Word) -> None:
        self._hand_on(word, self._far)

    def _hand_on(self, word: Word, to: WeakSet[Ear]) -> None:
        if to:
            with self._lock:
                ears = list(to)
            for ear in ears:
                ear.hear(word)

    def _hung(self) -> Bell | None:
        if not self._is_hung:
            with self._lock:
                if not self._is_hung:
                    self._bell, self._is_hung = self._hang(self._heard), True
        return self._bell
