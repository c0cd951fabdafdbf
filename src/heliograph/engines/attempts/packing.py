"""Attempts and receipts as plain tuples, as they travel between processes.

Dataclasses pickle ten times slower, and that would be most of what a trivial task costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.records.attempt import Failure, Phases, Pickled, Resources, StoredValue, Worker

Plain = tuple[Any, ...]

_value: Final = attrgetter(*StoredValue.__match_args__)
_failure: Final = attrgetter(*Failure.__match_args__)


def plain_work(work: Work) -> Plain:
    """An attempt, with its function's token alone; without its options, which no worker needs."""
    return (
        tuple(work.key),
        work.workflow_id,
        work.task_id,
        work.function.token,
        _bare(work.arguments),
        [_bare(value) for value in work.inputs],
        work.wraps,
        work.caught_wraps,
        work.values,
    )


def work_of(plain: Plain, functions: Mapping[int, Payload]) -> Work:
    """The attempt; its function is looked up by its token."""
    key, workflow_id, task_id, token, arguments, inputs, *rest = plain
    return Work(
        AttemptKey(*key),
        workflow_id,
        task_id,
        functions[token],
        _whole(arguments),
        tuple([_whole(value) for value in inputs]),
        *rest,
    )


def _bare(value: Pickled) -> bytes | Plain:
    return value if isinstance(value, bytes) else _value(value)


def _whole(value: bytes | Plain) -> Pickled:
    return value if isinstance(value, bytes) else StoredValue(*value)


def plain_receipt(receipt: Receipt) -> Plain:
    """A receipt as plain values, without its worker and its key."""
    output, failure, caught = receipt.output, receipt.failure, receipt.caught
    return (
        tuple(receipt.phases),
        tuple(receipt.resources),
        None if output is None else _value(output),
        None if failure is None else _failure(failure),
        None if caught is None else _value(caught),
        receipt.continuation,
        [_bare(value) for value in receipt.arguments],
    )


def receipt_of(plain: Plain, key: AttemptKey, worker: Worker) -> Receipt:
    """The receipt of an attempt."""
    phases, resources, output, failure, caught, continuation, arguments = plain
    return Receipt(
        key,
        worker,
        Phases(*phases),
        Resources(*resources),
        None if output is None else StoredValue(*output),
        None if failure is None else Failure(*failure),
        None if caught is None else StoredValue(*caught),
        continuation,
        tuple([_whole(value) for value in arguments]),
    )
