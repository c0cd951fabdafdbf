"""A worker process, and all it started, ends with its program; also when that is SIGKILLed.

The lifeline is a pipe whose other end only the program holds. On Linux the kernel is asked to kill the
worker's process group when it closes: no thread has to watch, and a task that never lets go of the
interpreter is killed too. A program that forked may have a copy of the other end in its child, so the kernel
is also asked to signal the worker when the thread that started it ends, and the worker then kills its group.
(To be killed at that moment would be worse: threads end before the pipe closes, and a dead worker's group is
nobody's to kill.) Elsewhere a thread waits for the pipe to close.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with(parent: int, lifeline: int) -> None:
    """Tie this process, the leader of its group, to the program.

    Args:
        parent: pid of the program.
        lifeline: the end of the pipe that is read.
    """
    if sys.platform == "linux":
        _ask_for_signal()
    if not _ask_for_group_kill(lifeline):
        threading.Thread(target=_watch, args=(lifeline,), name="heliograph-lifeline", daemon=True).start()
    # Too late for either to notice, if the program is gone already.
    if os.getppid() != parent or can_be_read(lifeline, 0):
        _end()


def can_be_read(handle: int, seconds: float) -> bool:
    """Wait for a file to have something to read, or its end."""
    poll = select.poll()  # select.select() takes no file above number 1023
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000)))


def _ask_for_signal() -> None:
    import ctypes

    signal.signal(signal.SIGRTMAX, lambda _number, _frame: _end())
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGRTMAX, 0, 0, 0)
    except (OSError, AttributeError):  # no such call here; the pipe remains
        return


def _ask_for_group_kill(lifeline: int) -> bool:
    set_signal = getattr(fcntl, "F_SETSIG", None)
    if set_signal is None:
        return False
    try:
        fcntl.fcntl(lifeline, set_signal, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        return False
    return True


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    _end()


def _end() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)
