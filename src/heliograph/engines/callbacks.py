"""Users' callbacks, run where nobody waits for them.

They may do anything, also call heliograph and wait for it: in a thread of the engine, the engine would wait
for itself.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

_Calls = queue.SimpleQueue[Callable[[], object]]

_starting: Final = threading.Lock()
_thread: threading.Thread | None = None
_calls: _Calls | None = None
"""For that thread, and made with it: gevent may have put its own queues in place after the import."""


def call_soon(callback: Callable[[], object]) -> None:
    """Have the thread for callbacks call this, after those that came before; never waits."""
    global _thread, _calls
    with _starting:
        if _calls is None or _thread is None or not _thread.is_alive():  # a fork has all but the thread
            _calls = queue.SimpleQueue()
            _thread = threading.Thread(
                target=_serve, args=(_calls,), name="heliograph-callbacks", daemon=True
            )
            _thread.start()
        _calls.put(callback)


def _serve(calls: _Calls) -> None:
    while True:
        try:
            calls.get()()
        except Exception:  # as `concurrent.futures` does it: it is logged, and the others are called
            logging.getLogger("concurrent.futures").exception("exception calling callback")
