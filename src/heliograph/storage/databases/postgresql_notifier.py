"""LISTEN and NOTIFY: a connection by which processes on one server wake each other.

A NOTIFY within the transaction that has the news would make all commits queue, sync and all. So it is one of
its own, right behind the commit, without a sync: by a thread that puts together what comes meanwhile.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from heliograph.errors import StorageError
from heliograph.storage.databases.news import Notice

_CHANNEL: Final = "heliograph"
_PAUSE_SECONDS: Final = 0.01
"""Between two messages of a process: what is stored meanwhile goes into the next one."""
_AGAIN_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 2.0


class PostgreSQLNotifier:
    """See `news.Notifier`.

    Args:
        connect: opens a connection.
        receive: is given what others tell.
    """

    def __init__(
        self, connect: Callable[[], psycopg.Connection[Any]], receive: Callable[[Notice], None]
    ) -> None:
        self.is_connected = False
        self._connect = connect
        self._receive = receive
        self._lock = threading.Lock()
        self._to_tell: Notice | None = None
        self._is_closing = threading.Event()
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._main, name="heliograph-notifier", daemon=True)
        self._thread.start()

    def send(self, notice: Notice) -> None:
        """As `Notifier.send`."""
        with self._lock:
            is_first = self._to_tell is None
            self._to_tell = notice if self._to_tell is None else self._to_tell.and_also(notice)
        if is_first:  # else the thread has been woken for what it is added to
            self._wake_up()

    def close(self) -> None:
        """As `Notifier.close`."""
        self._is_closing.set()
        self._wake_up()
        self._thread.join(_CLOSE_SECONDS)

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):  # it is full, so the thread will wake up; or it has ended
            self._wake.send(b".")

    def _main(self) -> None:
        try:
            while not self._is_closing.is_set() or self._to_tell is not None:
                try:
                    with contextlib.closing(self._connect()) as connection:
                        self._serve(connection)
                except (psycopg.Error, StorageError):
                    self.is_connected = False
                    if self._is_closing.wait(_AGAIN_SECONDS):
                        return
        finally:
            self.is_connected = False
            self._woken.close()
            self._wake.close()

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        mine = connection.info.backend_pid

        def heard(message: Any) -> None:
            if message.pid != mine:  # those who wait in this process know already
                self._receive(Notice.read(message.payload))

        connection.add_notify_handler(heard)
        connection.execute("SET synchronous_commit = off")
        connection.execute(f"LISTEN {_CHANNEL}")
        self.is_connected = True
        self._receive(Notice(anything=True))  # what was said before nobody heard
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        waiting.register(self._woken.fileno(), select.POLLIN)
        while True:
            for handle, _ in waiting.poll(0 if self._is_closing.is_set() or self._to_tell else None):
                if handle == self._woken.fileno():
                    self._woken.recv(4096)
                else:
                    connection.execute("")  # takes in what has come
            if self._to_tell is not None:
                self._tell(connection)
                if not self._is_closing.is_set():
                    time.sleep(_PAUSE_SECONDS)
            elif self._is_closing.is_set():
                return

    def _tell(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            notice, self._to_tell = self._to_tell, None
        assert notice is not None
        try:
            connection.execute("SELECT pg_notify(%s, %s)", [_CHANNEL, notice.written()])
        except psycopg.Error:
            self.send(notice)  # as soon as there is a connection
            raise
