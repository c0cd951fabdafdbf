"""The one session of this process: opened by the first call that needs it, replaceable."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from heliograph.engines.session import Session, settings

_session: Session | None = None
_opening = threading.RLock()


def open_session(given: Mapping[str, Any]) -> None:
    """Open the session as told; if it is open already, hold what is told against it.

    Args:
        given: arguments of `session.settings`, by name; None: the default, or what is in force.

    Raises:
        ValueError: a value that can't be, or that is not the one in force; the message names both.
        TypeError, StorageError: as `session.settings` and `Session`.
    """
    global _session
    wanted = settings(**given)
    with _opening:
        if _session is None:
            _session = Session(wanted)
            return
        asked, in_force = wanted.shown(), _session.settings.shown()
        for name, value in given.items():
            if value is not None and asked[name] != in_force[name]:
                raise ValueError(
                    f"workflow.init: {name} is {in_force[name]!r} already, and can't be {asked[name]!r} too: "
                    "call workflow.shutdown() first"
                )


def opened() -> Session:
    """The session; opened with defaults where nobody has opened one."""
    with _opening:
        if _session is None:
            open_session(dict.fromkeys(_SETTINGS))
        assert _session is not None
        return _session


def close_session() -> None:
    """Close it, if it is open."""
    global _session
    with _opening:
        session, _session = _session, None
    if session is not None:
        session.close()


_SETTINGS = (
    "storage",
    "engine",
    "workers",
    "num_workers",
    "max_running_workflows",
    "max_pending_workflows",
    "recover",
    "coordinators",
)


def _after_fork() -> None:
    # A forked child has the session's memory but none of its threads, and must not use its connections.
    global _session, _opening
    _session, _opening = None, threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
