"""The line between the pool and a worker process."""

from __future__ import annotations

import socket

from heliograph.engines.embedded.wire import Wire


def test_behind_what_cant_be_understood_nothing_is_taken() -> None:
    """What looks like the worker's answer may be a part of what somebody else wrote."""
    ours, theirs = map(Wire, socket.socketpair())
    theirs.send(b"nonsense")
    assert ours.receive() == ([b"nonsense"], True)
    ours.spoil()
    theirs.send(b"an answer")
    assert ours.receive(to_the_end=True) == ([], False)
    ours.close()
    theirs.close()
