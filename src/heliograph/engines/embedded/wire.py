"""Messages between the pool and a worker process: bytes, each after its length. Neither end ever waits."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from collections import deque
from typing import Final

LENGTH: Final = struct.Struct("!Q")
_CHUNK: Final = 64 * 1024  # more would be mapped and unmapped by the allocator for each message: 11 µs


class Wire:
    """One end of the line.

    Args:
        end: the socket; it is the wire's from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._out: deque[memoryview] = deque()
        self._in = bytearray()
        self._is_spoilt = False

    def fileno(self) -> int:
        """The file to watch."""
        return self._socket.fileno()

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes wait for the other end to read those before them."""
        return bool(self._out)

    def send(self, *messages: bytes) -> None:
        """Send messages: as much of them as goes now, the rest by `flush`."""
        small: list[bytes] = []
        for data in messages:
            small.append(LENGTH.pack(len(data)))
            if len(data) < _CHUNK:
                small.append(data)
            else:
                self._out += (memoryview(b"".join(small)), memoryview(data))
                small = []
        if small:
            self._out.append(memoryview(b"".join(small)))
        self.flush()

    def flush(self) -> None:
        """Write what the other end takes now."""
        out = self._out
        while out:
            try:
                sent = self._socket.send(out[0])
            except BlockingIOError:
                return
            except OSError:  # it died; whoever watches for that clears up
                out.clear()
                return
            if sent == len(out[0]):
                out.popleft()
            else:
                out[0] = out[0][sent:]

    def receive(self, to_the_end: bool = False) -> tuple[list[bytes], bool]:
        """The messages that have come in whole, and whether more can come.

        Args:
            to_the_end: read until there is nothing more; else what comes at once.
        """
        is_open = not self._is_spoilt
        while is_open:
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                is_open = False
                break
            self._in += data
            if len(data) < _CHUNK and not to_the_end:
                break
        return self._messages(), is_open

    def spoil(self) -> None:
        """Something else than the other end wrote into the line: nothing that is still to come is taken."""
        self._is_spoilt = True
        self._in.clear()

    def hang_up(self) -> None:
        """Tell the other end that nothing more will come."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it; what was not written is dropped."""
        self._out.clear()
        self._socket.close()

    def _messages(self) -> list[bytes]:
        messages, start = [], 0
        while (message := message_at(self._in, start)) is not None:
            messages.append(message)
            start += LENGTH.size + len(message)
        del self._in[:start]
        return messages


def message_at(received: bytearray, start: int) -> bytes | None:
    """The message that begins there; None: it is not there yet, or not all of it."""
    begin = start + LENGTH.size
    if len(received) < begin:
        return None
    (length,) = LENGTH.unpack_from(received, start)
    return bytes(received[begin : begin + length]) if len(received) >= begin + length else None


def watch(selector: selectors.BaseSelector, wire: Wire) -> None:
    """Have a selector tell when the other end takes more, while there is more; the wire is registered."""
    wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if wire.wants_to_write else 0)
    key = selector.get_key(wire)
    if key.events != wanted:
        selector.modify(wire, wanted, key.data)
