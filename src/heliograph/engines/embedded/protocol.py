"""What the pool and its worker processes say to each other: pickles, each after its length.

To the worker: one `Setup`, then attempts. From it: one `READY`, then an answer for each attempt it began, in
order. What a pickle holds are plain tuples, see `packing`.

The async worker has any number of attempts at the same time and answers each when it is done. There a ticket
is just a number, and one more message goes both ways, which is tickets by themselves: to the worker, attempts
to cancel; from it, those it has begun and, when it names them again, cancelled ones that have ended.

Between an attempt's order and its answer, reports may come of what it says; they too bear its ticket. And the
worker says when the attempt begins to wait for a workflow that others run, and when it goes on.

Tickets. More than one attempt may be in the line of a worker that runs one after the other, so that it need
not wait for the next. Which of them it has begun is decided by the operating system: for each attempt the
pool puts one byte into a pipe that it and the worker can both read. The worker reads the byte before it
begins; the pool reads it to take the attempt back. Only one of them can get it, even while the worker is
busy, stuck or dead.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.attempts.packing import plain_receipt, plain_work, receipt_of, work_of
from heliograph.graph.frozen import record
from heliograph.records.attempt import Worker
from heliograph.records.report import Line, Point, Progress, Report

TICKETS: Final = 256
READY: Final = b"ready"
WAITS: Final = b"waits"
GOES_ON: Final = b"goes on"
_MARK: Final = b"#"  # no pickle begins so
_REPORT_MARK: Final = b"!"


class Setup(NamedTuple):
    """The first thing a worker is told."""

    argv: list[str]
    """`sys.argv` of the program, for modules that look at it."""
    worker_id: str


@record
class Order:
    """An attempt, as the worker gets it.

    Attributes:
        ticket: the byte that must be had to begin it; for the async worker, its number.
        forget: forget all functions before this one.
        is_alone: the pool has no other attempt: what comes next, if anything, comes soon after the answer.
        submitted: when the executor got it, Unix seconds.
        work: the attempt.
        path: the program's `sys.path`, if that is another one than before.
    """

    ticket: int
    forget: bool
    is_alone: bool
    submitted: float
    work: Work
    path: list[str] | None = None


class Answer(NamedTuple):
    """A receipt, as the pool gets it."""

    ticket: int
    seconds: float
    """How long the worker was busy with it."""
    receipt: Receipt


def pack_order(
    work: Work,
    ticket: int,
    submitted: float,
    is_known: bool,
    forget: bool,
    is_alone: bool,
    path: list[str] | None = None,
) -> bytes:
    """An attempt as bytes; without its function where the worker has it already, and then without a path."""
    function = work.function
    sent = None if is_known else (function.token, function.name, function.data, path)
    return pickle.dumps((ticket, forget, is_alone, submitted, sent, plain_work(work)), 5)


def unpack_order(data: bytes, known: dict[int, Payload]) -> Order:
    """The attempt that `pack_order` packed; `known` is what this worker has been sent, and is kept up."""
    ticket, forget, is_alone, submitted, sent, plain = pickle.loads(data)
    if forget:
        known.clear()
    path = None
    if sent is not None:
        token, name, function, path = sent
        known[token] = Payload(name, token, function)
    return Order(ticket, forget, is_alone, submitted, work_of(plain, known), path)


def pack_answer(ticket: int, seconds: float, receipt: Receipt) -> bytes:
    """A receipt as bytes, without its worker and its key: the pool knows them by itself."""
    return pickle.dumps((ticket, seconds, plain_receipt(receipt)), 5)


def unpack_answer(data: bytes, key_of: Callable[[int], AttemptKey], worker: Worker) -> Answer:
    """The receipt that `pack_answer` packed, of the attempt that has this ticket."""
    ticket, seconds, plain = pickle.loads(data)
    return Answer(ticket, seconds, receipt_of(plain, key_of(ticket), worker))


def pack_tickets(tickets: Iterable[int]) -> bytes:
    """Tickets by themselves, as bytes."""
    return _MARK + array("Q", tickets).tobytes()


def unpack_tickets(data: bytes) -> Sequence[int] | None:
    """The tickets that `pack_tickets` packed; None: these are other bytes.

    >>> list(unpack_tickets(pack_tickets([7, 8])) or ()), unpack_tickets(READY)
    ([7, 8], None)
    """
    return array("Q", data[len(_MARK) :]) if data.startswith(_MARK) else None


def pack_report(ticket: int, report: Report) -> bytes:
    """What an attempt says, as bytes."""
    progress = report.progress
    return _REPORT_MARK + pickle.dumps(
        (
            ticket,
            report.metadata,
            report.of_workflow,
            None if progress is None else _progress(progress),
            [_line(one) if isinstance(one, Line) else _point(one) for one in report.said],
            report.lines,
            report.points,
            report.lines_dropped,
            report.points_dropped,
        ),
        5,
    )


def unpack_report(data: bytes) -> tuple[int, Report] | None:
    """The ticket and the report that `pack_report` packed; None: these are other bytes."""
    if not data.startswith(_REPORT_MARK):
        return None
    ticket, metadata, of_workflow, progress, said, *counts = pickle.loads(data[len(_REPORT_MARK) :])
    return ticket, Report(
        metadata,
        of_workflow,
        None if progress is None else Progress(*progress),
        tuple([Line(*one) if len(one) == _LINE_FIELDS else Point(*one) for one in said]),
        *counts,
    )


_progress: Final = attrgetter(*Progress.__match_args__)
_point: Final = attrgetter(*Point.__match_args__)
_line: Final = attrgetter(*Line.__match_args__)
_LINE_FIELDS: Final = len(Line.__match_args__)
