"""Signals that come while a thread does the engine's work: their handlers wait, and get their places back."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from heliograph.engines.loop.undisturbed import has_room, undisturbed

ONE, TWO = signal.SIGUSR1, signal.SIGUSR2


class CameError(Exception):
    """What the handlers here raise."""


def raise_it(number: int, _frame: FrameType | None) -> None:
    raise CameError(number)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    for number in (ONE, TWO):
        signal.signal(number, raise_it)
    yield
    for number, handler in before.items():  # of all, since a deputy is for all
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def test_a_handler_waits_for_the_end() -> None:
    steps = []

    def work() -> None:
        with undisturbed():
            signal.raise_signal(ONE)
            steps.append("done")

    with pytest.raises(CameError):
        work()
    assert steps == ["done"]
    assert signal.getsignal(ONE) is raise_it


def test_all_have_their_places_back_though_one_raises() -> None:
    def work() -> None:
        with undisturbed():
            signal.raise_signal(ONE)
            signal.raise_signal(TWO)

    with pytest.raises(CameError):
        work()
    assert [signal.getsignal(number) for number in (ONE, TWO)] == [raise_it, raise_it]


def test_one_that_did_not_get_its_place_back_has_it_with_the_next_signal() -> None:
    deputy = undisturbed()
    deputy.__enter__()
    deputy._is_on_duty = False  # type: ignore[attr-defined]  # as if another had raised in the middle of it
    with pytest.raises(CameError):
        signal.raise_signal(TWO)
    assert signal.getsignal(TWO) is raise_it
    signal.signal(ONE, raise_it)


def test_what_has_no_handler_of_pythons_is_left_alone() -> None:
    signal.signal(ONE, signal.SIG_IGN)
    with undisturbed():
        assert signal.getsignal(ONE) is signal.SIG_IGN
        assert signal.getsignal(TWO) is not raise_it


def test_other_threads_have_nothing_to_put_off() -> None:
    seen = []

    def look() -> None:
        with undisturbed():
            seen.append(signal.getsignal(ONE))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [raise_it]


def test_deep_in_a_recursion_there_is_no_room() -> None:
    def depth_without_room(depth: int) -> int:
        return depth_without_room(depth + 1) if has_room() else depth

    assert 0 < depth_without_room(0) < sys.getrecursionlimit() - 100
