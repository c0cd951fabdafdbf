"""One worker process, as the pool sees it: how it is started, told, heard, and seen off."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from typing import Final

from heliograph.engines.embedded.lifeline import can_be_read
from heliograph.engines.embedded.protocol import LENGTH, TICKETS, Setup, pack_order
from heliograph.engines.executor import Work
from heliograph.records.attempt import Worker
from heliograph.storage.location import VARIABLE

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[5:]; from heliograph.engines.embedded.worker import main; main()"
)
_CHUNK: Final = 256 * 1024
_KNOWN_LIMIT: Final = 1024


@dataclass(slots=True, eq=False)
class Attempt:
    """An attempt that the pool has and that has not ended.

    Attributes:
        work: what to run.
        submitted: when the executor got it, Unix seconds.
        handle: the worker in whose line it is; None while it waits for one.
        ticket: see `protocol`.
        sent: when it was put into the line, monotonic seconds.
        started: when the worker got to it, as far as the pool knows, Unix seconds.
        is_cancelled: nobody wants its receipt.
    """

    work: Work
    submitted: float
    handle: WorkerHandle | None = None
    ticket: int = 0
    sent: float = 0.0
    started: float = 0.0
    is_cancelled: bool = False


class WorkerHandle:
    """A worker process and its line. All of it is called by the pool's thread.

    The thread that makes it must live as long as the pool: the worker dies with that thread.

    Attributes:
        worker: who it is, for receipts.
        line: the attempts it was sent and has not answered, the first one first.
        is_ready: it has said so.
        was_cut: attempts were taken back out of its line, and it has not answered since.
    """

    def __init__(self, worker_id: str, storage: str | None = None) -> None:
        self.line: deque[Attempt] = deque()
        self.is_ready = False
        self.was_cut = False
        self._known: set[int] = set()
        self._next_ticket = 0
        self._out: deque[memoryview] = deque()
        self._in = bytearray()
        with contextlib.ExitStack() as undo:
            self.socket, theirs = socket.socketpair()
            undo.callback(self.socket.close)
            undo.callback(theirs.close)
            self._tickets_in, self._tickets_out = os.pipe()
            undo.callback(os.close, self._tickets_in)
            undo.callback(os.close, self._tickets_out)
            lifeline, self._lifeline = os.pipe()
            undo.callback(os.close, self._lifeline)
            undo.callback(os.close, lifeline)
            os.set_blocking(self._tickets_in, False)
            self.socket.setblocking(False)
            handles = (theirs.fileno(), self._tickets_in, lifeline)
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                    "-c",
                    _BOOT,
                    *map(str, handles),
                    str(os.getpid()),
                    *map(str, sys.path),
                ],
                env=None if storage is None else os.environ | {VARIABLE: storage},
                stdin=subprocess.DEVNULL,
                pass_fds=handles,
                start_new_session=True,  # a group to kill as one; and Ctrl-C is the program's to handle
            )
            undo.pop_all()
            theirs.close()
            os.close(lifeline)
        self.death = _watch_death(self._process.pid)
        self.worker = Worker(os.uname().nodename, self._process.pid, worker_id)
        self._push(pickle.dumps(tuple(Setup([str(part) for part in getattr(sys, "argv", [])], worker_id)), 5))

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes wait for the worker to read those before them."""
        return bool(self._out)

    def send(self, attempt: Attempt) -> None:
        """Put an attempt into the worker's line; never waits for it."""
        work = attempt.work
        token = work.function.token
        forget = len(self._known) >= _KNOWN_LIMIT and token not in self._known
        if forget:
            self._known.clear()
        is_known = token in self._known
        self._known.add(token)
        ticket = attempt.ticket = self._next_ticket
        self._next_ticket = (ticket + 1) % TICKETS
        data = pack_order(work, ticket, attempt.submitted, is_known, forget)
        os.write(self._tickets_out, bytes((ticket,)))
        attempt.handle = self
        self.line.append(attempt)
        self._push(data)

    def flush(self) -> None:
        """Write what the worker takes now."""
        out = self._out
        while out:
            try:
                sent = self.socket.send(out[0])
            except BlockingIOError:
                return
            except OSError:  # it died; whoever watches for that clears up
                out.clear()
                return
            if sent == len(out[0]):
                out.popleft()
            else:
                out[0] = out[0][sent:]

    def receive(self, to_the_end: bool) -> tuple[list[bytes], bool]:
        """The messages that have come in whole, and whether more can come.

        Args:
            to_the_end: read until there is nothing more; else what comes at once.
        """
        is_open = True
        while True:
            try:
                data = self.socket.recv(_CHUNK)
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

    def take_back(self) -> list[Attempt]:
        """Take all attempts it has not begun out of its line; it will pass over them."""
        try:
            tickets = set(os.read(self._tickets_in, TICKETS))
        except BlockingIOError:
            return []
        taken = [attempt for attempt in self.line if attempt.ticket in tickets]
        for attempt in taken:
            self.line.remove(attempt)
            attempt.handle = None
        self.was_cut = True
        return taken

    def signal(self, number: int) -> None:
        """Send a signal to the worker and to all its subprocesses."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone, on Linux and on macOS
            os.killpg(self._process.pid, number)

    def hang_up(self) -> None:
        """Tell an idle worker to end."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reap(self, patience: float) -> int:
        """See the worker off, with all that it started.

        Args:
            patience: seconds it gets to end by itself.

        Returns:
            Its exit code; minus the signal's number if one killed it.
        """
        # Killing by group must come before the process is waited for, or its number may be another's by then.
        if self.death is not None:
            can_be_read(self.death, patience)
        elif patience:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self.signal(signal.SIGKILL)
        code = self._process.wait()
        self.socket.close()
        for handle in (self._tickets_in, self._tickets_out, self._lifeline, self.death):
            if handle is not None:
                os.close(handle)
        self._out.clear()
        return code

    def _push(self, data: bytes) -> None:
        if len(data) < _CHUNK:
            self._out.append(memoryview(LENGTH.pack(len(data)) + data))
        else:
            self._out += (memoryview(LENGTH.pack(len(data))), memoryview(data))
        self.flush()

    def _messages(self) -> list[bytes]:
        data, messages, start = self._in, [], 0
        while len(data) - start >= LENGTH.size:
            (length,) = LENGTH.unpack_from(data, start)
            end = start + LENGTH.size + length
            if len(data) < end:
                break
            messages.append(bytes(data[start + LENGTH.size : end]))
            start = end
        del data[:start]
        return messages


def _watch_death(pid: int) -> int | None:
    """A file that can be read once the process has ended; elsewhere its socket has to tell."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
