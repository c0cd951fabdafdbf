"""Receipts that no worker wrote: of attempts that could not begin, ran over their time, or only slept."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from heliograph.engines.attempts.executor import AttemptKey, Receipt
from heliograph.engines.attempts.failures import failure_of_worker
from heliograph.errors import WorkflowError
from heliograph.graph.pickling import dumps
from heliograph.records.attempt import NO_RESOURCES, Phases, Resources, StoredValue, Worker
from heliograph.records.type_names import dotted

_NO_PHASES: Final = Phases()


def failed(
    key: AttemptKey,
    error: WorkflowError,
    *,
    died: bool,
    caught_wraps: int | None,
    phases: Phases = _NO_PHASES,
    worker: Worker | None = None,
    resources: Resources = NO_RESOURCES,
) -> Receipt:
    """The receipt of an attempt that was ended from outside.

    Args:
        key: which attempt.
        error: why.
        died: it was stopped, or its worker died: that is worth another try.
        caught_wraps: as in `Work`.
        phases: as far as they were reached.
        worker: who had it; None: nobody.
        resources: what it used.
    """
    caught = None if caught_wraps is None else inline(wrapped((None, error), caught_wraps))
    return Receipt(key, worker or _engine(), phases, resources, None, failure_of_worker(error, died), caught)


def slept(key: AttemptKey, began: float, ended: float, wraps: int) -> Receipt:
    """The receipt of a sleep that has come to its end.

    Args:
        key: which attempt.
        began: Unix seconds.
        ended: Unix seconds.
        wraps: as in `Work`.
    """
    phases = Phases(submitted=began, started=began, loaded=began, finished=ended, serialised=ended)
    return Receipt(key, _engine(), phases, NO_RESOURCES, inline(wrapped(None, wraps)))


def inline(value: object) -> StoredValue:
    """A small value, pickled."""
    data = dumps(value, "the output")
    return StoredValue(len(data), hashlib.sha256(data).hexdigest(), dotted(type(value)), data)


def wrapped(output: object, times: int) -> object:
    """The output as those that catch exceptions give it on.

    >>> wrapped(7, 2)
    ((7, None), None)
    """
    for _ in range(times):
        output = (output, None)
    return output


def _engine() -> Worker:
    return Worker(os.uname().nodename, os.getpid(), "engine")
