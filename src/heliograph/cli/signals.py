"""How a command that goes on for long is told to end: by SIGTERM of a supervisor, or Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told_to_end(note: Callable[[int], None]) -> Iterator[None]:
    """Meanwhile, SIGTERM and SIGINT do no more than this; what they did before is put back.

    Args:
        note: is called with the signal's number.
    """
    ending = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda told, _frame: note(told)) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
