"""What travels between processes as plain tuples arrives as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.embedded import protocol
from heliograph.graph.node import Inputs
from heliograph.graph.plan import make_plan
from heliograph.records.attempt import Failure, Phases, RayFacts, Resources, StoredValue, Worker
from tests.storage.opened import chain

TEXT = st.text(max_size=5)
NUMBER = st.integers(0, 2**40)
VALUE = st.builds(
    StoredValue, NUMBER, TEXT, st.none() | TEXT, st.none() | st.binary(max_size=5), st.none() | TEXT
)
KEY = st.builds(AttemptKey, NUMBER, NUMBER, NUMBER, NUMBER)
PAYLOAD = st.builds(Payload, TEXT, st.integers(0, 3), st.binary(max_size=5))
TIMES = st.lists(st.none() | st.floats(0, 1e10), min_size=len(Phases._fields), max_size=len(Phases._fields))
FAILURE = st.builds(
    Failure,
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
    st.booleans(),
    st.none() | st.binary(max_size=5),
    st.none() | TEXT,
)
FACTS = st.builds(RayFacts, TEXT, TEXT, st.dictionaries(TEXT, st.floats(0, 4), max_size=2), NUMBER)
WORKER = st.builds(Worker, TEXT, NUMBER, TEXT, st.none() | TEXT, st.none() | FACTS)
USED = st.lists(st.none() | NUMBER, min_size=len(Resources._fields), max_size=len(Resources._fields))


@st.composite
def works(draw: st.DrawFn) -> Work:
    return Work(
        draw(KEY),
        draw(TEXT),
        draw(TEXT),
        draw(PAYLOAD),
        draw(st.binary(max_size=5) | VALUE),
        tuple(draw(st.lists(VALUE, max_size=3))),
        draw(st.integers(0, 3)),
        draw(st.none() | st.integers(0, 3)),
        draw(TEXT),
    )


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    return Receipt(
        draw(KEY),
        draw(WORKER),
        Phases(*draw(TIMES)),
        Resources(*draw(USED)),  # type: ignore[arg-type]
        draw(st.none() | VALUE),
        draw(st.none() | FAILURE),
        draw(st.none() | VALUE),
        None,
        tuple(draw(st.lists(VALUE, max_size=2))),
    )


@given(works(), st.booleans())
def test_an_attempt_for_a_worker_process(work: Work, is_known: bool) -> None:
    known: dict[int, Payload] = {work.function.token: work.function} if is_known else {}
    order = protocol.unpack_order(protocol.pack_order(work, 7, 1.5, is_known, False, True), known)
    assert order == protocol.Order(7, False, True, 1.5, work)


@given(receipts())
def test_a_receipt_of_a_worker_process(receipt: Receipt) -> None:
    packed = protocol.pack_answer(3, 0.25, receipt)
    assert protocol.unpack_answer(packed, {3: receipt.key}.__getitem__, receipt.worker).receipt == receipt


@given(st.lists(works(), max_size=3), st.none() | NUMBER, st.booleans())
def test_an_order_for_a_worker_of_ray(several: list[Work], asks: int | None, is_alone: bool) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")
    from heliograph.engines.ray.order import Address, Order, unpack_order

    same = {work.function.token: work.function for work in several}  # a token names one function
    several = [work._replace(function=same[work.function.token]) for work in several]
    order = Order(
        Address("name", "life", "storage", ("host", 1)), 1.5, tuple(several), (0, 2), asks, is_alone
    )
    assert unpack_order(order.packed()) == order


@given(st.lists(receipts(), max_size=3))
def test_receipts_of_a_worker_of_ray(several: list[Receipt]) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'heliograph[ray]'")
    from heliograph.engines.ray.order import pack_question, pack_receipts, unpack_question

    assert unpack_question(pack_question(7, pack_receipts(several))) == (7, several)


def test_a_continuation_comes_along() -> None:
    plan = make_plan(chain(), Inputs())
    receipt = Receipt(
        AttemptKey(1, 1, 0, 1), Worker("host", 1, "worker"), Phases(), Resources(), continuation=plan
    )
    packed = protocol.pack_answer(3, 0.25, receipt)
    arrived = protocol.unpack_answer(packed, {3: receipt.key}.__getitem__, receipt.worker).receipt
    assert arrived.continuation is not None
    assert [task.task_id for task in arrived.continuation.tasks] == ["first", "second"]
