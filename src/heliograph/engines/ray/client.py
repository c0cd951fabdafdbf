"""A driver's way in to a coordinator: by channels, as many as it has threads that bring workflows at once."""

from __future__ import annotations

from heliograph.engines.ray.channel import Channel
from heliograph.engines.ray.order import Address, Entered, Entering, unpack_entered


class CoordinatorClient:
    """Channels to one life of a coordinator.

    Args:
        address: where it takes them.

    Attributes:
        is_broken: it was a way in, and is none any more: the next life has another.
    """

    def __init__(self, address: Address) -> None:
        self._secret = address.life
        self._place = address.channel
        self._idle: list[Channel] = []
        self.is_broken = False

    def enter(self, entering: Entering) -> Entered | None:
        """See `Coordinator.enter`; None if there is no channel, or it broke: the actor is to be called.

        Raises:
            WorkflowError, RuntimeError, queue.Full: as the coordinator does.
        """
        try:
            channel = self._channel()
        except OSError:  # out of reach, as for a client at ray://
            self._place = None
            return None
        if channel is None:
            return None
        try:
            answer = unpack_entered(channel.ask(entering.packed()))
        except OSError:
            self.is_broken = True
            return None
        self._idle.append(channel)
        if answer.error is not None:
            raise answer.error
        return answer

    def _channel(self) -> Channel | None:
        try:
            return self._idle.pop()  # not looked for before: another thread may take the last one
        except IndexError:
            return None if self._place is None else Channel(self._place, self._secret)
