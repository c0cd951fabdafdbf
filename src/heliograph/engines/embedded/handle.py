"""One worker process, as the pool sees it: how it is started, told, heard, and seen off."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heliograph.engines.attempts.executor import AttemptKey, Work
from heliograph.engines.embedded.lifeline import can_be_read
from heliograph.engines.embedded.protocol import TICKETS, Setup, pack_order
from heliograph.engines.embedded.remains import peak_of
from heliograph.engines.embedded.wire import Wire
from heliograph.graph.function import planned_modules
from heliograph.records.attempt import Worker
from heliograph.storage.location import VARIABLE

START_FAILURES: Final = 3
"""After so many workers in a row that did not get to work, none is started for a while."""
_BOOT: Final = (
    "import importlib, sys; sys.path[:] = sys.argv[4:]; "
    "importlib.import_module(sys.argv[1]).main(int(sys.argv[2]), *map(int, sys.argv[3].split(',')))"
)
_PACKAGE: Final = __name__.rpartition(".")[0]
_KNOWN_LIMIT: Final = 1024
_CUT_LIMIT: Final = TICKETS // 2  # what it passes over since before it last answered has tickets too


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
        is_alone: see `protocol.Order`.
    """

    work: Work
    submitted: float
    handle: WorkerHandle | None = None
    ticket: int = 0
    sent: float = 0.0
    started: float = 0.0
    is_cancelled: bool = False
    is_alone: bool = False


class WorkerProcess:
    """A worker process and the wire to it. All of it is called by the pool's thread.

    The thread that makes it must live as long as the pool: the worker dies with that thread.

    Args:
        module: the worker's program, a module of this package; its `main` gets the number of this process,
            of the lifeline, of the worker's end of the wire, and of `files`.
        worker_id: the pool's name of it.
        files: more files that it takes over.
        storage: what it is told as its own; None: what this process was told.

    Attributes:
        worker: who it is, for receipts.
        wire: what it is told, and says.
        is_ready: it has said so.
        death: a file that can be read once it has ended; None: the wire has to tell.
        peak: the most memory that it had in its last attempt, bytes; None: not known, or it has not ended.
    """

    def __init__(self, module: str, worker_id: str, *files: int, storage: str | None) -> None:
        self.is_ready = False
        self.peak: int | None = None
        self._known: set[int] = set()
        self._path = _path()
        with contextlib.ExitStack() as undo:
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            undo.callback(theirs.close)
            lifeline, self._lifeline = os.pipe()
            undo.callback(os.close, self._lifeline)
            undo.callback(os.close, lifeline)
            handles = (lifeline, theirs.fileno(), *files)
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    *subprocess._args_from_interpreter_flags(),  # type: ignore[attr-defined]
                    "-c",
                    _BOOT,
                    f"{_PACKAGE}.{module}",
                    str(os.getpid()),
                    ",".join(map(str, handles)),
                    *self._path,
                ],
                env=None if storage is None else os.environ | {VARIABLE: storage},
                stdin=subprocess.DEVNULL,
                pass_fds=handles,
                start_new_session=True,  # a group to kill as one; and Ctrl-C is the program's to handle
            )
            undo.pop_all()
            theirs.close()
            os.close(lifeline)
        self._inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.wire = Wire(ours)
        self.death = _watch_death(self._process.pid)
        self.worker = Worker(os.uname().nodename, self._process.pid, worker_id)
        setup = Setup([str(part) for part in getattr(sys, "argv", [])], worker_id)
        self.wire.send(pickle.dumps(tuple(setup), 5))

    def order(self, attempt: Attempt) -> bytes:
        """The message that has the worker run an attempt; to be sent before the next one is asked for."""
        token = attempt.work.function.token
        forget = len(self._known) >= _KNOWN_LIMIT and token not in self._known
        if forget:
            self._known.clear()
        is_known = token in self._known
        self._known.add(token)
        path = None
        if not is_known and (now := _path()) != self._path:  # the program has more to import from since
            path = self._path = now
        return pack_order(
            attempt.work, attempt.ticket, attempt.submitted, is_known, forget, attempt.is_alone, path
        )

    def signal(self, number: int) -> None:
        """Send a signal to the worker and to all its subprocesses."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone, on Linux and on macOS
            os.killpg(self._process.pid, number)

    def reap(self, patience: float) -> int | None:
        """See the worker off, with all that it started.

        Args:
            patience: seconds it gets to end by itself.

        Returns:
            Its exit code; minus the signal's number if one killed it. None: the system told somebody else.
        """
        # Killing by group must come before the process is waited for, or its number may be another's by then.
        if self.death is not None:
            can_be_read(self.death, patience)
        elif patience:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self.signal(signal.SIGKILL)
        is_told = self.death is None or _tells_us(self.death)
        if self.death is not None and is_told:
            self._process.returncode, self.peak = peak_of(self._process.pid, self._inherited)
        code = self._process.wait()
        self.wire.close()
        for handle in (self._lifeline, self.death):
            if handle is not None:
                os.close(handle)
        return code if code or is_told else None


class WorkerHandle(WorkerProcess):
    """A worker that takes one attempt after the other, and its line.

    Args:
        worker_id: the pool's name of it.
        storage: see `WorkerProcess`.

    Attributes:
        line: the attempts it was given and has not answered, the first one first.
        cut: how many attempts were taken back out of its line since it last answered.
        is_leaving: it was told to end, and gets no more.
    """

    def __init__(self, worker_id: str, storage: str | None) -> None:
        self.line: deque[Attempt] = deque()
        self.cut = 0
        self.is_leaving = False
        self._next_ticket = 0
        self._unsent: list[bytes] = []
        self._unsent_tickets = bytearray()
        self._tickets_in, self._tickets_out = os.pipe()
        try:
            os.set_blocking(self._tickets_in, False)
            super().__init__("worker", worker_id, self._tickets_in, storage=storage)
        except BaseException:
            self._close_tickets()
            raise

    def leave(self) -> None:
        """Have it end; its line is empty."""
        self.is_leaving = True
        self.wire.hang_up()

    def put(self, attempt: Attempt) -> None:
        """Put an attempt into the worker's line; it is sent with `send`."""
        ticket = attempt.ticket = self._next_ticket
        self._next_ticket = (ticket + 1) % TICKETS
        self._unsent.append(self.order(attempt))
        self._unsent_tickets.append(ticket)
        attempt.handle = self
        self.line.append(attempt)

    def send(self) -> None:
        """Send what was put into the line, all at once; never waits for the worker."""
        if self._unsent:
            os.write(self._tickets_out, self._unsent_tickets)
            self._unsent_tickets.clear()
            self.wire.send(*self._unsent)
            self._unsent.clear()

    def key_of(self, ticket: int) -> AttemptKey:
        """Which attempt an answer is about: answers come in order.

        Raises:
            ValueError, IndexError: about none, then it is no answer.
        """
        head = self.line[0]
        if head.ticket != ticket:
            raise ValueError(f"worker {self.worker.worker_id} answers {ticket}, not {head.ticket}")
        return head.work.key

    def take_back(self) -> list[Attempt]:
        """Take all attempts it has not begun out of its line; it will pass over them.

        A worker that has begun none of very many stands still: somebody stopped its process. It is killed:
        tickets are few and come round, and it would take that of a later attempt for one of these.
        """
        self.send()
        try:
            tickets = set(os.read(self._tickets_in, TICKETS))
        except BlockingIOError:
            return []
        taken = [attempt for attempt in self.line if attempt.ticket in tickets]
        for attempt in taken:
            self.line.remove(attempt)
            attempt.handle = None
        self.cut += len(taken)
        if not self.line and self.cut > _CUT_LIMIT:
            self.signal(signal.SIGKILL)
        return taken

    def reap(self, patience: float) -> int | None:
        """See `WorkerProcess.reap`."""
        code = super().reap(patience)
        self._close_tickets()
        return code

    def _close_tickets(self) -> None:
        os.close(self._tickets_in)
        os.close(self._tickets_out)


def _path() -> list[str]:
    """Where this program imports from, and where the modules of its tasks were imported from.

    A program may have taken that folder away again: Celery has the current one only while it imports its app.
    """
    path = [str(part) for part in sys.path]
    more = {
        folder
        for module in planned_modules()
        if (file := getattr(sys.modules.get(module), "__file__", None)) is not None
        and (folder := _folder_of(module, file)) is not None
    }.difference(path)
    if more:
        more.difference_update(map(os.path.abspath, path))
    return path + sorted(more)


@functools.cache
def _folder_of(module: str, file: str) -> str | None:
    """The folder from which the name of a module leads to its file; None: it was found in another way."""
    parts = module.split(".")
    path = Path(os.path.abspath(file))
    name = path.name.partition(".")[0]
    path = path.parent if name == "__init__" else path.with_name(name)
    return str(path.parents[len(parts) - 1]) if list(path.parts[-len(parts) :]) == parts else None


def _watch_death(pid: int) -> int | None:
    """A file that can be read once the process has ended; elsewhere its socket has to tell."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _tells_us(death: int) -> bool:
    """Wait for the end of a process; whether the system tells us how it ended. If not, `Popen` says 0.

    A program that ignores SIGCHLD is told nothing of its children, nor is one that waits for any child.
    """
    try:
        os.waitid(os.P_PIDFD, death, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
