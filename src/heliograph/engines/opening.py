"""The one session of this process: opened by the first call that needs it, replaceable."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heliograph.engines.settings import Settings, settings

if TYPE_CHECKING:
    from heliograph.engines.embedded.processes import ProcessExecutor
    from heliograph.engines.session import Session
    from heliograph.graph.plan import Plan

_session: Session | None = None
_inherited: Settings | None = None
"""In a child that was forked: what the parent's session was told, for the child's own if nobody tells it."""
_opening = threading.RLock()
_closing = threading.RLock()


def open_session(given: Mapping[str, Any]) -> None:
    """Open the session as told; if it is open already, hold what is told against it.

    Args:
        given: arguments of `settings.settings`, by name; None: the default, or what is in force.

    Raises:
        ValueError: a value that can't be, or that is not the one in force; the message names both.
        TypeError, StorageError: as `settings.settings` and `Session`.
    """
    global _session
    wanted = settings(**given)
    with _opening:
        if _session is None:
            _session = _new_session(wanted)
            return
        asked, in_force = wanted.shown(), _session.settings.shown()
        for name, value in given.items():
            if value is not None and asked[name] != in_force[name]:
                raise ValueError(
                    f"workflow.init: {name} is {in_force[name]!r} already, and can't be {asked[name]!r} too: "
                    "call workflow.shutdown() first"
                )


def opened(to_run: Plan | None = None) -> Session:
    """The session; opened with defaults where nobody has opened one, in a forked child as its parent's.

    Args:
        to_run: what it is to run first; its workers start while the store is imported and opened.
    """
    global _session
    with _opening:
        if _session is None:
            _session = _new_session(_inherited or settings(), to_run)
        return _session


def _new_session(wanted: Settings, to_run: Plan | None = None) -> Session:
    _fill_standard_files()
    early = None if to_run is None or wanted.is_for_ray(to_run) else _early_workers(wanted)
    try:
        from heliograph.engines.session import Session  # late: it takes as long as a worker takes to start

        return Session(wanted, early)
    except BaseException:
        if early is not None:
            early.close()
        raise


def _fill_standard_files() -> None:
    """Have those that the program was started without lead nowhere, for its workers too.

    What is opened next would have their numbers, and what a task prints would go there. SQLite keeps clear of
    them by a /dev/null that can only be read: there, to print was an error.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)


def _early_workers(wanted: Settings) -> ProcessExecutor | None:
    """Worker processes for an engine that is still to come; None: it will have others."""
    if wanted.engine != "embedded" or wanted.workers.workers != "processes":
        return None
    from heliograph.engines.embedded.processes import ProcessExecutor

    workers = ProcessExecutor(_nobody, wanted.workers.count, wanted.location.name)
    workers.warm()
    return workers


def _nobody(message: object) -> None:
    raise AssertionError(f"a receipt before there was an engine: {message!r}")


def close_session() -> None:
    """Close it, if it is open. While another thread closes it, a caller waits until it is closed."""
    global _session, _inherited
    with _closing:
        with _opening:
            session, _session, _inherited = _session, None, None
        if session is not None:
            session.close()


def _after_fork() -> None:
    # A forked child has the session's memory but none of its threads, and must not use its connections.
    global _session, _inherited, _opening, _closing
    if _session is not None:
        _inherited = _session.settings
    _session, _opening, _closing = None, threading.RLock(), threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
