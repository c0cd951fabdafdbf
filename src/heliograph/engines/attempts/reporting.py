"""What attempts say on its way out of a worker: put together, so that a task may say as much as it likes.

What comes after a pause is sent at once, by the thread that says it. What follows within `_INTERVAL_SECONDS`
waits and goes together, sent by a thread that the first such attempt of a process starts. The last of it goes
before the attempt's receipt does, on the same way: so no report comes late.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from heliograph.graph.user_metadata import METADATA_LIMIT
from heliograph.records.report import (
    LINES_LIMIT,
    LINES_SIZE_LIMIT,
    POINTS_LIMIT,
    Line,
    Point,
    Progress,
    Report,
)

_INTERVAL_SECONDS: Final = 0.02
_MOST_WAITING: Final = 1_000  # lines and points; then they go at once, and the task waits for that

Send = Callable[[Report], None]
"""Takes a report on its way, from any thread, in order."""


class Outlet:
    """The reporter of one attempt; made for every attempt, so it begins as next to nothing.

    Args:
        send: takes what is said.
    """

    __slots__ = ("_desk", "_pid", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._pid = os.getpid()
        self._desk: _Desk | None = None

    def update(self, metadata: Mapping[str, Any], size: int, of_workflow: bool) -> None:
        """See `Reporter.update`."""
        self._opened().update(metadata, size, of_workflow)

    def progress(self, progress: Progress) -> None:
        """See `Reporter.progress`."""
        self._opened().progress(progress)

    def point(self, point: Point) -> None:
        """See `Reporter.point`."""
        self._opened().point(point)

    def line(self, line: Line) -> None:
        """See `Reporter.line`."""
        self._opened().line(line)

    def close(self) -> None:
        """The attempt is over: send what waits, and take nothing more."""
        if self._desk is not None and self._pid == os.getpid():
            self._desk.close()
        self._send = _refuse

    def _opened(self) -> _Desk:
        if self._pid != os.getpid():
            raise RuntimeError("this process was forked by a task: only the task's own can say how it goes")
        if self._desk is None:
            with _opening:  # several of its threads may begin to talk at once
                if self._desk is None:
                    self._desk = _Desk(self._send)
        return self._desk


class _Desk:
    """What an attempt has said and is not sent yet."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._is_closed = False
        self._sent_at = 0.0  # monotonic
        self._is_due = False
        self._sizes: dict[tuple[bool, str], int] = {}
        self._updates: tuple[dict[str, Any], dict[str, Any]] = ({}, {})  # the task's, the workflow's
        self._progress: Progress | None = None
        self._said: list[Line | Point] = []
        self._lines_size = 0
        self._lines = self._points = self._lines_dropped = self._points_dropped = 0

    def update(self, metadata: Mapping[str, Any], size: int, of_workflow: bool) -> None:
        with self._lock:
            self._check()
            share = size // max(len(metadata), 1)
            sizes = self._sizes | {(of_workflow, key): share for key in metadata}
            total = sum(part for (whose, _key), part in sizes.items() if whose is of_workflow)
            if total > METADATA_LIMIT:
                raise ValueError(
                    f"the metadata that an attempt sets may have {METADATA_LIMIT:,} bytes as JSON, and with "
                    f"these they would have about {total:,}"
                )
            self._sizes = sizes
            self._updates[of_workflow].update(metadata)
            self._send_or_wait()

    def progress(self, progress: Progress) -> None:
        with self._lock:
            self._check()
            self._progress = replace(progress, time=time.time())
            self._send_or_wait()

    def point(self, point: Point) -> None:
        with self._lock:
            self._check()
            self._points += 1
            if self._points > POINTS_LIMIT:
                self._points_dropped += 1
            else:
                self._said.append(replace(point, time=time.time()))
            self._send_or_wait()

    def line(self, line: Line) -> None:
        with self._lock:
            self._check()
            self._lines += 1
            self._lines_size += len(line.text)
            if self._lines > LINES_LIMIT or self._lines_size > LINES_SIZE_LIMIT:
                self._lines_dropped += 1
            else:
                self._said.append(replace(line, time=time.time()))
            self._send_or_wait()

    def flush(self) -> None:
        with self._lock:
            self._is_due = False
            if not self._is_closed:
                self._send_all()

    def close(self) -> None:
        with self._lock:
            if self._is_due:
                self._send_all()
            self._is_closed = True

    def _check(self) -> None:
        if self._is_closed:
            _refuse()

    def _send_or_wait(self) -> None:
        if time.monotonic() - self._sent_at >= _INTERVAL_SECONDS or len(self._said) >= _MOST_WAITING:
            self._send_all()
        elif not self._is_due:
            self._is_due = True
            _the_flusher().put(self, self._sent_at + _INTERVAL_SECONDS)

    def _send_all(self) -> None:
        metadata, of_workflow = self._updates
        report = Report(
            metadata,
            of_workflow,
            self._progress,
            tuple(self._said),
            self._lines,
            self._points,
            self._lines_dropped,
            self._points_dropped,
        )
        self._updates, self._progress, self._said = ({}, {}), None, []
        self._sent_at = time.monotonic()
        self._send(report)


class _Flusher:
    """The thread that sends what waits; there is none before something does."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, _Desk]] = []
        self._changed = threading.Condition()
        self._is_started = False

    def put(self, desk: _Desk, due: float) -> None:
        with self._changed:
            self._waiting.append((due, desk))
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._run, name="heliograph-reports", daemon=True).start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                due, desk = self._waiting.pop(0)
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)  # all wait equally long: whoever comes later is due later
            desk.flush()


def _refuse(_report: Report | None = None) -> None:
    raise RuntimeError("the attempt is over: nothing can be said of it any more")


def _the_flusher() -> _Flusher:
    global _flusher
    with _opening:
        if _flusher is None:  # not by the import: gevent may have put its own locks in place since
            _flusher = _Flusher()
        return _flusher


def _start_anew() -> None:
    # A forked child has neither the thread nor, perhaps, the locks as they should be.
    global _flusher, _opening
    _flusher, _opening = None, threading.Lock()


_flusher: _Flusher | None = None
_opening = threading.Lock()
os.register_at_fork(after_in_child=_start_anew)
