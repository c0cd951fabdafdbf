"""Receipts of attempts that no worker could end, written by the pool in the worker's place."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from heliograph.engines.attempts import receipts
from heliograph.engines.attempts.executor import Receipt
from heliograph.engines.embedded.handle import Attempt
from heliograph.errors import WorkerDiedError
from heliograph.records.attempt import NO_RESOURCES, Phases, Resources, Worker


def ended(code: int | None) -> str:
    """How a process ended, in words.

    >>> ended(-9), ended(3), ended(None)
    ('was killed by SIGKILL', 'exited with code 3', 'ended')
    """
    if code is None:
        return "ended"
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"was killed by signal {-code}"


_FAULTS: Final = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}


def _usual_cause(code: int | None) -> str:
    """What ends processes so, and what to do about it."""
    if code is None:
        return "How is not known: this program ignores SIGCHLD, or something in it waits for any child."
    if code >= 0:
        return "A task ends by returning or raising, not by ending its process."
    if code == -signal.SIGKILL:
        return "The system does that when memory runs out: let the task hold less at once."
    if -code in _FAULTS:
        return "A fault in native code does that: PYTHONFAULTHANDLER=1 prints where."
    return "Somebody sent that: a person, a supervisor that stops the program, or the task itself."


def died(attempt: Attempt, worker: Worker, code: int | None, peak: int | None = None) -> Receipt:
    """The worker died while it ran the attempt.

    Args:
        attempt: which.
        worker: who died.
        code: as `WorkerProcess.reap` gave it.
        peak: the most memory that the worker had in the attempt that it ran, bytes; None: not known.
    """
    error = WorkerDiedError(
        f"the worker process {worker.pid} that ran task {attempt.work.task_id!r} {ended(code)}. "
        f"{_usual_cause(code)} It is tried as often as max_retries says."
    )
    measured = "shared" if attempt.work.function.is_async else "exclusive"
    peak = peak if attempt.started else None
    if code is not None and code < 0:
        used = Resources(measured, peak_rss=peak, signal=-code)
    else:
        used = Resources(measured, peak_rss=peak, exit_code=code)
    return _failed(attempt, worker, error, True, used)


def never_ran(attempt: Attempt, reason: str) -> Receipt:
    """There is no worker for the attempt, and there won't be one."""
    error = WorkerDiedError(f"task {attempt.work.task_id!r} can't run: {reason}")
    nobody = Worker(os.uname().nodename, os.getpid(), "none")
    return _failed(attempt, nobody, error, False, NO_RESOURCES)


def _failed(
    attempt: Attempt, worker: Worker, error: WorkerDiedError, has_died: bool, used: Resources
) -> Receipt:
    return receipts.failed(
        attempt.work.key,
        error,
        died=has_died,
        caught_wraps=attempt.work.caught_wraps,
        phases=Phases(submitted=attempt.submitted, started=attempt.started or None, finished=time.time()),
        worker=worker,
        resources=used,
    )
