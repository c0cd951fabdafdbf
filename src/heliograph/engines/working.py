"""Being a worker: an engine that nobody drives, which takes what others hand in or leave behind."""

from __future__ import annotations

import threading
import time
from typing import Final, cast

from heliograph.engines.engine import Engine
from heliograph.errors import WorkflowError

_LOOK_SECONDS: Final = 0.5
_DRAIN_LOOK_SECONDS: Final = 0.02


def checked_stop(stop: object) -> threading.Event:
    """What tells a worker to stop: an event of threads, or of processes, which is waited for in the same way.

    Raises:
        TypeError: nothing that can be waited for.
    """
    if not (callable(getattr(stop, "wait", None)) and callable(getattr(stop, "set", None))):
        raise TypeError(f"stop must be a threading.Event, not {stop!r}")
    return cast(threading.Event, stop)


def work(
    engine: Engine, stop: threading.Event, at_once: int | None, grace: float, most_deaths: int | None = None
) -> int:
    """Take workflows until told to stop, then finish what there is.

    Args:
        engine: who runs them.
        stop: set when it is to stop.
        at_once: how many workflows it has at most; None: as suits its workers.
        grace: seconds in which what runs may come to its end.
        most_deaths: see `Engine.take`.

    Returns:
        How many workflows are left for others.

    Raises:
        WorkflowError: the engine ended by itself.
    """
    engine.take(at_once, most_deaths)
    while not stop.wait(_LOOK_SECONDS):
        if engine.is_closed:
            raise WorkflowError("the engine ended by itself; its last words are above")
    end = time.monotonic() + grace
    engine.stop_taking(grace)
    while engine.count and time.monotonic() < end:
        time.sleep(_DRAIN_LOOK_SECONDS)
    return engine.count
