"""A SIGTERM to a worker of Ray's, in the middle of an attempt, is the worker's death.

Ray makes a `SystemExit` of it, which would be the task's own failure: that is not tried again, and so a
workflow would fail because somebody drains a node.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def die_of_sigterm(is_running: Callable[[], bool]) -> None:
    """Let a SIGTERM end this process at once while an attempt runs; else it does what it did before.

    Args:
        is_running: whether an attempt runs.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only there signals can be handled; Ray runs tasks there
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        if is_running() or before is signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, end)
