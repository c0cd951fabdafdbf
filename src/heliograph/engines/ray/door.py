"""A driver's way in to a coordinator: by lines, as many as it has threads that bring workflows at once."""

from __future__ import annotations

from heliograph.engines.ray.line import Line
from heliograph.engines.ray.order import Address, Entered, Entering, unpack_entered


class Door:
    """Lines to one life of a coordinator.

    Args:
        address: where it takes them.

    Attributes:
        is_broken: it was a way in, and is none any more: the next life has another.
    """

    def __init__(self, address: Address) -> None:
        self._secret = address.life
        self._place = address.line
        self._idle: list[Line] = []
        self.is_broken = False

    def enter(self, entering: Entering) -> Entered | None:
        """See `Coordinator.enter`; None if there is no line, or it broke: the actor is to be called.

        Raises:
            WorkflowError, RuntimeError, queue.Full: as the coordinator does.
        """
        try:
            line = self._line()
        except OSError:  # out of reach, as for a client at ray://
            self._place = None
            return None
        if line is None:
            return None
        try:
            answer = unpack_entered(line.ask(entering.packed()))
        except OSError:
            self.is_broken = True
            return None
        self._idle.append(line)
        if answer.error is not None:
            raise answer.error
        return answer

    def _line(self) -> Line | None:
        try:
            return self._idle.pop()  # not looked for before: another thread may take the last one
        except IndexError:
            return None if self._place is None else Line(self._place, self._secret)
