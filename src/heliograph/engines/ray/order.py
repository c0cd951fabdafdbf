"""What the executor sends with a task of Ray, and what comes back: pickles of records, without user code."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heliograph.engines.executor import AttemptKey, Receipt, Work
from heliograph.records.attempt import Worker


@dataclass(frozen=True, slots=True)
class Address:
    """A coordinator, as workers find it.

    Attributes:
        name: of the actor.
        life: differs each time the actor is started, since it counts functions anew then.
        storage: where the workflows are; see `Location.name`.
    """

    name: str
    life: str
    storage: str


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

    def packed(self) -> bytes:
        """As bytes."""
        return pickle.dumps(self, 5)


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


def unpack_order(data: bytes) -> Order:
    """The order that was packed."""
    order: Order = pickle.loads(data)
    return order


def pack_receipts(receipts: Sequence[Receipt]) -> bytes:
    """Receipts as bytes."""
    return pickle.dumps(list(receipts), 5)


def unpack_receipts(data: bytes) -> list[Receipt]:
    """The receipts that were packed."""
    receipts: list[Receipt] = pickle.loads(data)
    return receipts


def bare(work: Work) -> Work:
    """The attempt without what Ray has to carry itself."""
    if all(value.handle is None for value in work.inputs):
        return work
    return work._replace(inputs=tuple([replace(value, handle=None) for value in work.inputs]))
