"""Where the workflows are whose tasks this process runs: for code in a task that has to read the storage.

A worker process is told by its environment. Worker threads share a process with the session that runs them.
"""

from __future__ import annotations

from heliograph.storage.location import Location, locate

_entered: Location | None = None
_engine: str | None = None


def enter(location: Location, engine: str | None = None) -> None:
    """This storage is open in this process: a session's, or that of the tasks it runs.

    Args:
        location: of the storage.
        engine: who runs workflows that tasks of this process run themselves; None: the default one.
    """
    global _entered, _engine
    _entered, _engine = location, engine


def leave(location: Location) -> None:
    """This storage is closed again in this process."""
    global _entered, _engine
    if _entered == location:
        _entered = _engine = None


def engine_here() -> str | None:
    """Who runs workflows where nobody says who; None: the default engine."""
    return _engine


def here() -> Location:
    """The storage of the session of this process; where it has none, the one its environment names."""
    return _entered or locate()
