"""What travels between drivers, coordinator and workers: pickles of records, without user code."""

from __future__ import annotations

import copyreg
import functools
import io
import pickle
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, Final, NamedTuple

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.attempts.packing import Plain, plain_receipt, plain_work, receipt_of, work_of
from heliograph.engines.ray.channel import Place
from heliograph.graph.function import Function
from heliograph.graph.options import TaskOptions
from heliograph.graph.plan import Plan, PlannedTask
from heliograph.records.attempt import RayFacts, StoredValue, Worker
from heliograph.storage.entries import Claim, Provenance, Submission

NAMESPACE: Final = "heliograph"
"""Ray's namespace of all coordinators."""

_NUMBER: Final = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Address:
    """A coordinator, as workers find it.

    Attributes:
        name: of the actor.
        life: differs each time the actor is started, since it counts functions anew then.
        storage: where the workflows are; see `Location.name`.
        channel: where it takes calls of workers that ask for more; None: nowhere.
    """

    name: str
    life: str
    storage: str
    channel: Place | None = None


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
        is_alone: the coordinator has no other attempt, so what comes next comes soon after the answer.
        is_timed: an attempt has a timeout: each is told of as it begins.
    """

    sender: Address
    submitted: float
    works: tuple[Work, ...]
    given: tuple[int, ...] = ()
    asks: int | None = None
    is_alone: bool = False
    is_timed: bool = False

    def packed(self) -> bytes:
        """As bytes."""
        functions = {work.function.token: work.function for work in self.works}
        return pickle.dumps(
            (
                _address(self.sender),
                self.submitted,
                [_payload(function) for function in functions.values()],
                [plain_work(work) for work in self.works],
                self.given,
                self.asks,
                self.is_alone,
                self.is_timed,
            ),
            5,
        )


@dataclass(frozen=True, slots=True)
class WorkerReport:
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
    sender, submitted, sent, works, *rest = pickle.loads(data)
    functions = {payload[1]: Payload(*payload) for payload in sent}
    return Order(Address(*sender), submitted, tuple([work_of(plain, functions) for plain in works]), *rest)


def pack_receipts(receipts: Sequence[Receipt]) -> bytes:
    """Receipts as bytes."""
    plain = [(tuple(one.key), _plain_worker(one.worker), plain_receipt(one)) for one in receipts]
    return pickle.dumps(plain, 5)


def unpack_receipts(data: bytes | memoryview) -> list[Receipt]:
    """The receipts that were packed."""
    return [
        receipt_of(plain, AttemptKey(*key), _worker_of(worker)) for key, worker, plain in pickle.loads(data)
    ]


def pack_question(number: int, receipts: bytes) -> bytes:
    """What a worker asks with: the number of its flight, and the receipts of what it had, packed."""
    return _NUMBER.pack(number) + receipts


def unpack_question(data: bytes) -> tuple[int, list[Receipt]]:
    """The number and the receipts."""
    return _NUMBER.unpack_from(data)[0], unpack_receipts(memoryview(data)[_NUMBER.size :])


class Entering(NamedTuple):
    """What a driver brings by its channel.

    Attributes:
        request: its name for the call.
        wanted: the workflow that is to come in.
        patience: seconds that the answer may wait for the output.
    """

    request: str
    wanted: Submission | Claim
    patience: float = 0.0

    def packed(self) -> bytes:
        """As bytes."""
        return _packed(tuple(self))


class Entered(NamedTuple):
    """What a driver is answered.

    Attributes:
        error: why the workflow is not in; None: it is.
        output: of the workflow, if it has ended already; None: it is to be asked for.
    """

    error: Exception | None = None
    output: StoredValue | None = None

    def packed(self) -> bytes:
        """As bytes."""
        return _packed(tuple(self))


def unpack_entering(data: bytes) -> Entering:
    """What a driver brings, as it was packed."""
    return Entering(*pickle.loads(data))


def unpack_entered(data: bytes) -> Entered:
    """What a driver is answered, as it was packed."""
    return Entered(*pickle.loads(data))


def bare(work: Work) -> Work:
    """The attempt without what Ray has to carry itself."""
    if not work.handles:
        return work
    inputs = [value if isinstance(value, bytes) else replace(value, handle=None) for value in work.inputs]
    return work._replace(inputs=tuple(inputs))


_address: Final = attrgetter(*Address.__match_args__)
_payload: Final = attrgetter(*Payload.__match_args__)


def _plain_worker(worker: Worker) -> Plain:
    """As a tuple that can be a key of a cache."""
    ray = worker.ray
    facts = ray and (ray.task_id, ray.job_id, tuple(ray.resources.items()), ray.object_store_bytes)
    return worker.host, worker.pid, worker.worker_id, worker.node_id, facts


@functools.lru_cache(maxsize=256)  # one has many attempts, and what is made of it is remembered by identity
def _worker_of(plain: Plain) -> Worker:
    host, pid, worker_id, node_id, facts = plain
    if facts is None:
        return Worker(host, pid, worker_id, node_id)
    task_id, job_id, resources, size = facts
    return Worker(host, pid, worker_id, node_id, RayFacts(task_id, job_id, dict(resources), size))


def _reducer(kind: type) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
    values = attrgetter(*[field.name for field in fields(kind)])
    return lambda record: (kind, values(record))


_RECORDS: Final = (Submission, Claim, Provenance, Plan, PlannedTask, Function, TaskOptions, StoredValue)


class _Pickler(pickle.Pickler):
    """Pickles the records that travel with every workflow by values: that takes half the time."""

    dispatch_table = copyreg.dispatch_table | {kind: _reducer(kind) for kind in _RECORDS}


def _packed(value: object) -> bytes:
    file = io.BytesIO()
    _Pickler(file, 5).dump(value)
    return file.getvalue()
