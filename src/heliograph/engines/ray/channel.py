"""Channels to the coordinator: sockets by which workers ask for more, and drivers bring workflows in.

A call of an actor takes ten times as long there and back, and most of that is processor time. Where there is
no channel, workers do not ask, and drivers call the actor.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Final

import ray

from heliograph.host.lookout import COMMIT_SECONDS, Lookout

_CONNECT_SECONDS: Final = 0.5
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}  # seconds, seconds, times

Place = tuple[str, int]
"""Host and port."""
Answer = Callable[[bytes], bytes]
"""What a question is answered with."""


class ChannelServer:
    """The coordinator's end of all channels; each has a thread.

    Args:
        answer: called in these threads.
        secret: what callers have to know.
        is_alone: whether the one who was answered last has the processors for itself and this channel.

    Attributes:
        place: where it listens; None: where Ray encrypts what it sends, nothing goes past it.
    """

    def __init__(self, answer: Answer, secret: str, is_alone: Callable[[], bool] = lambda: False) -> None:
        self._answer = answer
        self._is_alone = is_alone
        self._secret = secret.encode()
        self.place: Place | None = None
        if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
            return
        host: str = ray.util.get_node_ip_address()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.place = (host, self._listener.getsockname()[1])
        threading.Thread(target=self._take_calls, name="heliograph-channels", daemon=True).start()

    def close(self) -> None:
        """Take no more calls."""
        if self.place is not None:
            self._listener.close()

    def _take_calls(self) -> None:
        while True:
            try:
                end, _ = self._listener.accept()
            except OSError:  # closed; or no more can be opened, and then no caller is to wait for ever
                self._listener.close()
                return
            threading.Thread(target=self._serve, args=(end,), name="heliograph-channel", daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        with _connection(end) as channel:
            try:
                deliver_challenge(channel, self._secret)
                answer_challenge(channel, self._secret)
                lookout, arrived = Lookout(), _arrived(channel)
                while True:
                    channel.send_bytes(self._answer(channel.recv_bytes()))
                    if self._is_alone():
                        lookout.wait(arrived)
            except (EOFError, OSError, AuthenticationError):  # it hung up, or is none of ours
                return


class Channel:
    """The other end of a channel: a worker's, or a driver's.

    Args:
        place: where the coordinator listens.
        secret: that of the coordinator's `ChannelServer`.

    Raises:
        OSError: it can't be reached.
    """

    def __init__(self, place: Place, secret: str) -> None:
        end = socket.create_connection(place, timeout=_CONNECT_SECONDS)
        end.settimeout(None)
        self._connection = _connection(end)
        with _as_os_error():
            answer_challenge(self._connection, secret.encode())
            deliver_challenge(self._connection, secret.encode())
        self._lookout = Lookout(soon=COMMIT_SECONDS)
        self._arrived = _arrived(self._connection)

    def ask(self, question: bytes, is_alone: bool = False) -> bytes:
        """The answer to a question.

        Args:
            question: what to ask.
            is_alone: nothing else is under way, so that looking out for it takes the processor from nobody.

        Raises:
            OSError: the coordinator is gone, or it was closed; nobody knows whether it got the question.
        """
        try:
            with _as_os_error():
                self._connection.send_bytes(question)
                if is_alone:
                    self._lookout.wait(self._arrived)
                return self._connection.recv_bytes()
        except BaseException:  # a signal's handler may raise: the next question would get this one's answer
            self._connection.close()
            raise

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more questions: one was left without its answer."""
        return self._connection.closed


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, AuthenticationError) as error:
        raise ConnectionError(f"the channel to the coordinator broke: {type(error).__name__}") from error


def _arrived(channel: Connection) -> Callable[[float | None], object]:
    """Waits so long for something to be read; None: for ever."""
    waiting = select.poll()
    waiting.register(channel.fileno(), select.POLLIN)
    return waiting.poll


def _connection(end: socket.socket) -> Connection:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a node may go without a word
    for option, value in _KEEPALIVE.items():
        if hasattr(socket, option):  # not everywhere
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return Connection(end.detach())
