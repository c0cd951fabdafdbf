"""What attempts say in Ray's workers, on its way to the coordinator."""

from __future__ import annotations

from typing import Any

import ray

from heliograph.engines.attempts.executor import AttemptKey
from heliograph.engines.ray.order import NAMESPACE, Address
from heliograph.records.report import Report


class Sayings:
    """What one attempt says.

    Its receipt takes another way, and may not come first: then nobody would listen any more. So whoever
    sends the receipt waits for `sent` first.

    Args:
        sender: the coordinator.
        key: which attempt.

    Attributes:
        sent: references to what the coordinator has to take in.
    """

    __slots__ = ("_key", "_sender", "sent")

    def __init__(self, sender: Address, key: AttemptKey) -> None:
        self._sender = sender
        self._key = key
        self.sent: list[Any] = []

    def send(self, report: Report) -> None:
        """See `reporting.Send`."""
        coordinator = ray.get_actor(self._sender.name, NAMESPACE)
        # An actor that awaits takes calls in any order. One with what another returns comes after that.
        before = self.sent[-1:]
        self.sent.append(coordinator.ask.remote("said", self._sender.life, self._key, report, *before))

    def settle(self) -> None:
        """Wait until all of it is there."""
        if self.sent:
            ray.get(self.sent)
