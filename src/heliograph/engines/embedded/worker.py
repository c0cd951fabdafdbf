"""A worker process: takes attempts from its line, one after the other, until the line is closed.

Started by `handle.WorkerHandle` as ``python -c``, so that no main script is imported again. It imports as
little as it can, since every program waits for it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import threading
import time
from functools import partial
from typing import Final

from heliograph.engines.attempts.attempt import Functions, run_attempt
from heliograph.engines.attempts.executor import Payload
from heliograph.engines.compensation import Slot, hold
from heliograph.engines.embedded.lifeline import die_with
from heliograph.engines.embedded.protocol import (
    GOES_ON,
    READY,
    WAITS,
    Setup,
    pack_answer,
    pack_report,
    unpack_order,
)
from heliograph.engines.embedded.wire import LENGTH, message_at
from heliograph.host.lookout import COMMIT_SECONDS, Lookout
from heliograph.records.attempt import Worker
from heliograph.records.report import Report

_BUFFER: Final = 64 * 1024


def main(parent: int, lifeline: int, line: int, tickets: int) -> None:
    """Serve the line.

    Args:
        parent: pid of the program.
        lifeline: a file, see `lifeline`.
        line: a socket, to take orders from and to send answers to.
        tickets: a file, see `protocol`.
    """
    for handle in (line, tickets, lifeline):
        os.set_inheritable(handle, False)
    die_with(parent, lifeline)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        _Line(line, tickets, lifeline).serve()


class _Line:
    """The worker's end of everything. Bare file descriptors: objects would close theirs when a fork ends."""

    def __init__(self, line: int, tickets: int, lifeline: int) -> None:
        self._line = line
        self._poll = select.poll()
        self._poll.register(line, select.POLLIN)
        self._lookout = Lookout(soon=COMMIT_SECONDS)
        self._in = bytearray()
        self._tickets = tickets
        self._lifeline = lifeline
        self._held: int | None = None  # a ticket that was read, and whose attempt has not begun
        self._pid = os.getpid()
        self._writing = threading.Lock()  # a task reports from any of its threads
        os.register_at_fork(after_in_child=self._leave)

    def serve(self) -> None:
        first = self._receive(is_alone=False)
        if first is None:
            return
        setup = Setup(*pickle.loads(first))
        sys.argv = setup.argv
        worker = Worker(os.uname().nodename, self._pid, setup.worker_id)
        functions = Functions()
        known: dict[int, Payload] = {}
        hold(Slot(partial(self._tell, WAITS), partial(self._tell, GOES_ON), depth=0, is_of_process=True))
        self._send(READY)
        is_alone = False
        while (data := self._receive(is_alone)) is not None:
            order = unpack_order(data, known)
            is_alone = order.is_alone
            if order.path is not None:
                sys.path[:] = order.path
            if not self._begin(order.ticket):
                continue
            before = time.perf_counter()
            receipt = run_attempt(
                order.work,
                worker,
                order.submitted,
                "exclusive",
                functions,
                partial(self._report, order.ticket),
            )
            if os.getpid() != self._pid:
                os._exit(0)  # a task forked, and the child came back here
            flush_streams()
            self._send(pack_answer(order.ticket, time.perf_counter() - before, receipt))
            del data, order, receipt  # not to hold the last task's memory while idle

    def _receive(self, is_alone: bool) -> bytes | None:
        """The next message; None: there will be none.

        Args:
            is_alone: nothing else is under way, so that looking out for it takes the processor from nobody.
        """
        received = self._in
        while (message := message_at(received, 0)) is None:
            if is_alone:
                self._lookout.wait(self._poll.poll)
            else:
                self._poll.poll()
            data = os.read(self._line, _BUFFER)
            if not data:
                return None
            received += data
        del received[: LENGTH.size + len(message)]
        return message

    def _send(self, data: bytes) -> None:
        view = memoryview(LENGTH.pack(len(data)) + data)
        with self._writing:
            while view:
                view = view[os.write(self._line, view) :]

    def _report(self, ticket: int, report: Report) -> None:
        self._tell(pack_report(ticket, report))

    def _tell(self, data: bytes) -> None:
        # Where the engine is gone there is nobody to tell, and this process is about to end with it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._send(data)

    def _begin(self, ticket: int) -> bool:
        """Whether the attempt is this worker's to run: not if the pool has taken its ticket back."""
        if self._held is None:
            try:
                self._held = os.read(self._tickets, 1)[0]
            except BlockingIOError:
                return False
        # Tickets come in order: where a later one's is had already, this one's was taken back. One is enough
        # to know that by, and its attempt can't be given to another worker any more.
        if self._held != ticket:
            return False
        self._held = None
        return True

    def _leave(self) -> None:
        """In the child of a task that forked: nothing of the worker's is the child's."""
        self._writing = threading.Lock()
        for handle in (self._line, self._tickets, self._lifeline):
            with contextlib.suppress(OSError):
                os.close(handle)


def flush_streams() -> None:
    """What a task printed is not lost if the worker is killed later."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed, replaced, None, or its reader is gone
            stream.flush()
