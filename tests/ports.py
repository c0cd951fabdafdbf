"""Ports for servers that can't be told to take any."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

_FIRST, _LAST = 20_000, 32_000
"""Those below are for Ray's workers; those above the system gives to whoever asks for any, at any moment."""
_chance: Final = random.SystemRandom()


def free_port() -> int:
    """One that nobody listens on, and that nobody gets by chance before the server has started."""
    while True:
        port = _chance.randint(_FIRST, _LAST)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
