"""What can still be known of the memory of a process that has ended, on Linux."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_CHILD_FAULTS: Final = 8
"""Its place in ``/proc/PID/stat`` behind the name: page faults of children that were waited for."""


def peak_of(pid: int, inherited: int) -> tuple[int | None, int | None]:
    """Wait for a child that has ended.

    The kernel says how much memory it had at most since its `Meter` had that forgotten: in its last attempt.
    But it says no less than who started it had, nor than a child of its own: then nobody knows.

    Args:
        pid: the child.
        inherited: the most memory of who started it, as `getrusage` says it.

    Returns:
        Its exit code, as `Popen` has it; None: somebody else was told. And the most memory in bytes; None: it
        is not known.
    """
    had_children = _had_children(pid)
    try:
        _, status, used = os.wait4(pid, 0)
    except ChildProcessError:
        return None, None
    is_known = not had_children and used.ru_maxrss > inherited and os.access("/proc/self/clear_refs", os.W_OK)
    return os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024 if is_known else None


def _had_children(pid: int) -> bool:
    """Whether it has waited for a process; it has ended, and nobody was told yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()  # its name may be no text
    except OSError:
        return True
    return stat.rpartition(b")")[2].split()[_CHILD_FAULTS] != b"0"
