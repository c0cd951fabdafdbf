"""While a process forks, it has no SQLite database open.

POSIX gives locks on files to processes, so SQLite notes in the process's memory which ones it has. A forked
child inherits the notes and none of the locks: what it opens then is written without them, waits for a lock
that nobody has, or is taken away by the parent, which believes to be the last that uses the file. See "How To
Corrupt An SQLite Database File", section 2.6, https://www.sqlite.org/howtocorrupt.html.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Openable(Protocol):
    """What can be closed for a moment."""

    def let_go(self) -> None:
        """Close all connections, and open none until told to go on."""

    def go_on(self) -> None:
        """It may be opened again, in the parent and in the child; also where Ctrl-C cut `let_go` short."""


_lock = threading.Lock()
_known: weakref.WeakSet[Openable] = weakref.WeakSet()
_closed: list[Openable] = []


def close_while_forking(one: Openable) -> None:
    """Tell it before and after this process forks, as long as it is there."""
    with _lock:
        _known.add(one)


def _before() -> None:
    _lock.acquire()
    for one in [*_known]:
        _closed.append(one)
        one.let_go()


def _after() -> None:
    for one in _closed:
        one.go_on()
    _closed.clear()
    _lock.release()


os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
