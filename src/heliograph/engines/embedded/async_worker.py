"""The async worker: a process whose main thread runs an event loop, with any number of attempts on it.

It answers each attempt when it is done. It ends when its line is closed, once its coroutines have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import selectors
import signal
import socket
import sys
import threading

from heliograph.engines.attempts.executor import Payload, Receipt
from heliograph.engines.embedded.coroutines import Coroutines, end
from heliograph.engines.embedded.lifeline import die_with
from heliograph.engines.embedded.protocol import (
    READY,
    Setup,
    pack_answer,
    pack_report,
    pack_tickets,
    unpack_order,
    unpack_tickets,
)
from heliograph.engines.embedded.wire import Wire
from heliograph.engines.embedded.worker import flush_streams
from heliograph.records.attempt import Worker
from heliograph.records.report import Report


def main(parent: int, lifeline: int, line: int) -> None:
    """Serve the line.

    Args:
        parent: pid of the program.
        lifeline: a file, see `lifeline`.
        line: a socket, to take orders from and to send answers to.
    """
    for handle in (line, lifeline):
        os.set_inheritable(handle, False)
    die_with(parent, lifeline)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _AsyncWorker(line, lifeline).serve()


class _AsyncWorker:
    """The worker's end of everything."""

    def __init__(self, line: int, lifeline: int) -> None:
        self._pid = os.getpid()
        self._wire = Wire(socket.socket(fileno=line))
        self._lifeline = lifeline
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._coroutines: Coroutines | None = None
        self._known: dict[int, Payload] = {}
        self._is_over = False
        self._writing = threading.Lock()  # what a task says may be sent by another thread than the loop's
        os.register_at_fork(after_in_child=self._leave)

    def serve(self) -> None:
        self._loop.add_reader(self._wire, self._read)
        while not self._is_over or self._coroutines:
            # sys.exit() in a task that a task started comes out here: nothing of ours ends by that.
            with contextlib.suppress(BaseException):
                self._loop.run_forever()
            self._stay_out()
        end(self._loop)

    def _read(self) -> None:
        messages, is_open = self._wire.receive()
        begun = []
        for message in messages:
            if self._coroutines is None:
                self._coroutines = self._set_up(Setup(*pickle.loads(message)))
                self._send(READY)
            elif (tickets := unpack_tickets(message)) is not None:
                for ticket in tickets:
                    self._coroutines.cancel(ticket)
            else:
                order = unpack_order(message, self._known)
                if order.path is not None:
                    sys.path[:] = order.path
                self._coroutines.start(order.ticket, order.work, order.submitted)
                begun.append(order.ticket)
        if begun:
            self._send(pack_tickets(begun))
        if not is_open:
            self._loop.remove_reader(self._wire)
            self._is_over = True
            if self._coroutines:
                self._coroutines.cancel_all()
            else:
                self._loop.stop()

    def _set_up(self, setup: Setup) -> Coroutines:
        sys.argv = setup.argv
        return Coroutines(
            self._loop, Worker(os.uname().nodename, self._pid, setup.worker_id), self._ended, self._report
        )

    def _ended(self, ticket: int, receipt: Receipt | None) -> None:
        self._stay_out()
        flush_streams()
        self._send(pack_tickets([ticket]) if receipt is None else pack_answer(ticket, 0.0, receipt))
        if self._is_over and not self._coroutines:
            self._loop.stop()

    def _send(self, data: bytes) -> None:
        with self._writing:
            self._wire.send(data)
        self._watch()

    def _report(self, ticket: int, report: Report) -> None:
        with self._writing:
            self._wire.send(pack_report(ticket, report))
            is_stuck = self._wire.wants_to_write
        if is_stuck:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the program is gone
                self._loop.call_soon_threadsafe(self._watch)

    def _watch(self) -> None:
        if self._wire.wants_to_write:
            self._loop.add_writer(self._wire, self._write)

    def _write(self) -> None:
        with self._writing:
            self._wire.flush()
        if not self._wire.wants_to_write:
            self._loop.remove_writer(self._wire)

    def _stay_out(self) -> None:
        """End the child of a task that forked, if it came back here."""
        if os.getpid() != self._pid:
            os._exit(0)

    def _leave(self) -> None:
        """In the child of a task that forked: nothing of the worker's is the child's."""
        self._selector.close()
        self._wire.close()
        os.close(self._lifeline)
