"""A worker that is done asks for more: the question, until it is answered."""

from __future__ import annotations

import threading


class Ask:
    """What a worker waits for. It is answered once, by any thread that holds the executor's lock.

    Attributes:
        is_answered: whether it was.
        answer: the next order, packed; empty: there is no more.
    """

    __slots__ = ("_answered", "answer", "is_answered")

    def __init__(self) -> None:
        self._answered: threading.Event | None = None
        self.is_answered = False
        self.answer = b""

    def give(self, answer: bytes) -> None:
        """Answer it."""
        self.is_answered, self.answer = True, answer
        if self._answered is not None:
            self._answered.set()

    def waiting(self) -> threading.Event:
        """Set once it is answered; called under the lock, before it is."""
        self._answered = threading.Event()
        return self._answered
