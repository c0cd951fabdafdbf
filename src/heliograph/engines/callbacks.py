"""Users' callbacks, run where nobody waits for them.

They may do anything, also call heliograph and wait for it: in a thread of the engine, the engine would wait
for itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

_calls: Final[SimpleQueue[Callable[[], object]]] = SimpleQueue()
_starting: Final = threading.Lock()
_thread: threading.Thread | None = None


def call_soon(callback: Callable[[], object]) -> None:
    """Have it called by the thread for that, after those that came before; never waits."""
    global _thread
    _calls.put(callback)
    with _starting:
        if _thread is None or not _thread.is_alive():  # a fork has the variable, but not the thread
            _thread = threading.Thread(target=_serve, name="heliograph-callbacks", daemon=True)
            _thread.start()


def _serve() -> None:
    while True:
        try:
            _calls.get()()
        except Exception:  # as `concurrent.futures` does it: it is logged, and the others are called
            logging.getLogger("concurrent.futures").exception("exception calling callback")
