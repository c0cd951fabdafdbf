"""Where the workflows are whose tasks this process runs: for code in a task that has to read the storage.

A worker process is told by its environment. Worker threads share a process with the session that runs them.
"""

from __future__ import annotations

from heliograph.storage.location import Location, locate

_entered: Location | None = None


def enter(location: Location) -> None:
    """A session of this process has this storage open."""
    global _entered
    _entered = location


def leave(location: Location) -> None:
    """It has closed it again."""
    global _entered
    if _entered == location:
        _entered = None


def here() -> Location:
    """The storage of the session of this process; where it has none, the one its environment names."""
    return _entered or locate()
