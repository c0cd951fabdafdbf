"""What travels between drivers, coordinator and workers: pickles of records, without user code."""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Final

from heliograph.engines.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.ray.line import Place
from heliograph.graph.function import Function
from heliograph.graph.options import TaskOptions
from heliograph.graph.plan import Plan, PlannedTask
from heliograph.records.attempt import Failure, RayFacts, StoredValue, Worker
from heliograph.storage.entries import Claim, Provenance, Submission

NAMESPACE: Final = "heliograph"
"""Ray's namespace of all coordinators."""

_NO_OPTIONS: Final = TaskOptions()


@dataclass(frozen=True, slots=True)
class Address:
    """A coordinator, as workers find it.

    Attributes:
        name: of the actor.
        life: differs each time the actor is started, since it counts functions anew then.
        storage: where the workflows are; see `Location.name`.
        line: where it takes calls of workers that ask for more; None: nowhere.
    """

    name: str
    life: str
    storage: str
    line: Place | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a coordinator takes on at once.

    Attributes:
        running: workflows that run; None: any number.
        pending: workflows that wait for their turn; None: any number.
    """

    running: int | None = None
    pending: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Attempts that travel in one task of Ray.

    Attributes:
        sender: who sent it, and waits for receipts.
        submitted: when it was given to Ray, Unix seconds.
        works: the attempts; more than one only if they have proven short.
        given: for each object that comes with it, the place among the inputs of the only attempt.
        asks: the number by which the worker is to ask for more when it is done; None: it is not to.
    """

    sender: Address
    submitted: float
    works: tuple[Work, ...]
    given: tuple[int, ...] = ()
    asks: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a worker says of attempts that run for a while.

    Attributes:
        worker: who says it.
        submitted: as in the order.
        started: the attempts, each with when it began, Unix seconds.
        given_back: attempts of the same order that it will not begin.
        receipts: of attempts of the same order that are over.
    """

    worker: Worker
    submitted: float
    started: tuple[tuple[AttemptKey, float], ...]
    given_back: tuple[AttemptKey, ...] = ()
    receipts: tuple[Receipt, ...] = ()


@dataclass(frozen=True, slots=True)
class Entering:
    """What a driver brings by its line.

    Attributes:
        request: its name for the call.
        wanted: the workflow that is to come in.
        patience: seconds that the answer may wait for the output.
    """

    request: str
    wanted: Submission | Claim
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Entered:
    """What it is answered.

    Attributes:
        error: why the workflow is not in; None: it is.
        output: of the workflow, if it has ended already; None: it is to be asked for.
    """

    error: Exception | None = None
    output: StoredValue | None = None


def bare(work: Work) -> Work:
    """The attempt without what Ray has to carry itself, and what a worker has no use for."""
    if all(value.handle is None for value in work.inputs):
        return work._replace(options=_NO_OPTIONS)
    inputs = tuple([replace(value, handle=None) for value in work.inputs])
    return work._replace(inputs=inputs, options=_NO_OPTIONS)


def _reducer(kind: type) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
    values = attrgetter(*[field.name for field in fields(kind)])
    return lambda record: (kind, values(record))


_RECORDS: Final = (
    *(Address, Order, Entering, Entered, Payload, TaskOptions),
    *(StoredValue, Failure, Worker, RayFacts),
    *(Submission, Claim, Provenance, Plan, PlannedTask, Function),
)


class _Pickler(pickle.Pickler):
    """Pickles the records that travel with every attempt by values: that takes half the time."""

    dispatch_table = copyreg.dispatch_table | {kind: _reducer(kind) for kind in _RECORDS}


def packed(value: object) -> bytes:
    """An order, receipts, or what else travels, as bytes."""
    file = io.BytesIO()
    _Pickler(file, 5).dump(value)
    return file.getvalue()


def unpacked(data: bytes) -> Any:
    """What was packed."""
    return pickle.loads(data)
