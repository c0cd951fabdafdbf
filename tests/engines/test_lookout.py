"""Who waits for a message looks for it before it sleeps, as long as messages come soon, and not longer."""

from __future__ import annotations

import itertools

import pytest

from heliograph.host import lookout
from heliograph.host.lookout import SOON_SECONDS, Lookout

STEP = SOON_SECONDS / 10


class Line:
    """Messages that come at given times; looking takes a step of the clock, sleeping goes to the next one."""

    def __init__(self, *at: float) -> None:
        self.now = 0.0
        self.at = list(at)
        self.looks = self.sleeps = 0

    def clock(self) -> float:
        return self.now

    def arrived(self, patience: float | None) -> bool:
        if patience == 0:
            self.looks += 1
            self.now += STEP
        else:
            self.sleeps += 1
            self.now = max(self.now, self.at[0] if patience is None else min(self.at[0], self.now + patience))
        if self.at[0] > self.now:
            return False
        self.now = max(self.now, self.at.pop(0))
        return True


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "_has_company", lambda: True)


def test_the_first_message_is_slept_for() -> None:
    line = Line(3.5 * STEP)
    assert Lookout(line.clock).wait(line.arrived)
    assert (line.looks, line.sleeps) == (1, 1)


def test_after_one_that_came_soon_the_next_is_looked_for() -> None:
    line = Line(3.5 * STEP, 8.5 * STEP)
    waiting = Lookout(line.clock)
    waiting.wait(line.arrived)
    assert waiting.wait(line.arrived)
    assert line.sleeps == 1


def test_who_looked_in_vain_sleeps_and_looks_no_more_until_one_comes_soon() -> None:
    line = Line(3.5 * STEP, 100.0, 200.0, 200.0 + 3.5 * STEP, 200.0 + 8.5 * STEP)
    waiting = Lookout(line.clock)
    waiting.wait(line.arrived)
    waiting.wait(line.arrived)  # looks in vain
    assert line.looks <= 1 + SOON_SECONDS / STEP + 1
    looked = line.looks
    waiting.wait(line.arrived)
    assert line.looks == looked + 1
    waiting.wait(line.arrived)  # this one comes soon
    slept = line.sleeps
    waiting.wait(line.arrived)
    assert line.sleeps == slept


def test_who_is_pushed_off_its_processor_as_it_looks_sleeps_ever_longer_in_between() -> None:
    line = Line(*[(10 * number + 3.5) * STEP for number in range(30)])
    pushes = itertools.count()
    waiting = Lookout(line.clock, soon=20 * STEP, pushes=lambda: next(pushes))
    slept = []
    for _ in range(14):
        before = line.sleeps
        waiting.wait(line.arrived)
        slept.append(line.sleeps > before)
    looked = [number for number, asleep in enumerate(slept) if not asleep]
    assert looked == [1, 3, 7]
    assert slept[0]


def test_who_is_pushed_off_no_more_looks_again() -> None:
    line = Line(*[(10 * number + 3.5) * STEP for number in range(30)])
    pushes = iter([0, 1])
    waiting = Lookout(line.clock, soon=20 * STEP, pushes=lambda: next(pushes, 1))
    for _ in range(10):
        waiting.wait(line.arrived)
    assert line.sleeps == 2  # for the first one, and once pushed


def test_patience_ends_with_nothing() -> None:
    line = Line(100.0)
    assert not Lookout(line.clock).wait(line.arrived, 1.0)
    assert line.now < 2.0


def test_alone_on_a_processor_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "_has_company", lambda: False)
    line = Line(3.5 * STEP, 8.5 * STEP)
    waiting = Lookout(line.clock)
    waiting.wait(line.arrived)
    waiting.wait(line.arrived)
    assert line.sleeps == 2
