"""Which workflows may run, and in which order the others follow."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from heliograph.records.status import WorkflowStatus
from heliograph.scheduling.admission import Admission

RUNNING, PENDING = WorkflowStatus.RUNNING, WorkflowStatus.PENDING
LIMITS = st.none() | st.integers(0, 3)


def enter(queue: Admission, key: int) -> WorkflowStatus | None:
    place = queue.take_place()
    queue.settle(place, key if place else None)
    return place


def test_without_limits_everybody_runs() -> None:
    queue = Admission(running=None, pending=None)
    assert [enter(queue, key) for key in range(1_000)] == [RUNNING] * 1_000
    assert queue.following() is None


def test_as_many_run_as_may_and_the_others_follow_in_order_of_arrival() -> None:
    queue = Admission(running=2, pending=None)
    assert [enter(queue, key) for key in range(5)] == [RUNNING, RUNNING, PENDING, PENDING, PENDING]
    assert queue.following() is None
    queue.leave(1)
    assert (queue.following(), queue.following()) == (2, None)
    queue.leave(0)
    queue.leave(2)
    assert (queue.following(), queue.following(), queue.following()) == (3, 4, None)


def test_as_many_wait_as_may_and_one_more_has_no_place() -> None:
    queue = Admission(running=1, pending=2)
    assert [enter(queue, key) for key in range(5)] == [RUNNING, PENDING, PENDING, None, None]


def test_nobody_waits_where_nobody_may() -> None:
    queue = Admission(running=1, pending=0)
    assert [enter(queue, key) for key in range(2)] == [RUNNING, None]
    queue.leave(0)
    assert enter(queue, 2) is RUNNING


def test_a_place_that_is_taken_counts_before_it_is_settled() -> None:
    queue = Admission(running=1, pending=1)
    first, second, third = queue.take_place(), queue.take_place(), queue.take_place()
    assert (first, second, third) == (RUNNING, PENDING, None)
    queue.settle(first, None)  # it was refused
    assert queue.take_place() is PENDING  # for the one before it has the free place to come
    queue.settle(second, 8)
    assert queue.following() == 8


def test_a_place_given_back_is_free_again() -> None:
    queue = Admission(running=1, pending=0)
    for _ in range(3):
        place = queue.take_place()
        assert place is RUNNING
        queue.settle(place, None)


def test_a_newcomer_does_not_overtake_one_who_waits() -> None:
    queue = Admission(running=1, pending=None)
    assert [enter(queue, key) for key in (7, 8)] == [RUNNING, PENDING]
    queue.leave(7)
    assert enter(queue, 9) is PENDING
    assert queue.following() == 8


def test_one_who_waits_and_whose_turn_it_is_takes_no_waiting_place_from_a_newcomer() -> None:
    queue = Admission(running=1, pending=1)
    assert [enter(queue, key) for key in (7, 8)] == [RUNNING, PENDING]
    queue.leave(7)
    assert [enter(queue, key) for key in (9, 10)] == [PENDING, None]
    assert (queue.following(), queue.following()) == (8, None)


def test_one_who_waits_may_leave() -> None:
    queue = Admission(running=1, pending=None)
    for key in range(4):
        enter(queue, key)
    queue.leave(2)
    queue.leave(0)
    assert queue.following() == 1
    queue.leave(1)
    assert queue.following() == 3


def test_nothing_comes_of_a_place_that_was_not_given_or_a_leave_of_nobody() -> None:
    queue = Admission(running=0, pending=0)
    place = queue.take_place()
    assert place is None
    queue.settle(place, None)
    queue.leave(99)
    assert queue.following() is None


class Queue(RuleBasedStateMachine):
    """The model: a list in order of arrival; the first `most_running` that are not over may run."""

    @initialize(running=LIMITS, pending=LIMITS)
    def begin(self, running: int | None, pending: int | None) -> None:
        self.queue = Admission(running, pending)
        assert self.queue.is_limited is (running is not None)
        self.most_running = float("inf") if running is None else running
        self.most_pending = float("inf") if pending is None else pending
        self.running: set[int] = set()
        self.waiting: list[int] = []
        self.taken: list[WorkflowStatus] = []
        self.next = 0

    @rule()
    def take(self) -> None:
        inside = len(self.running) + len(self.waiting) + len(self.taken)
        place = self.queue.take_place()
        if place is None:
            assert inside >= self.most_running + self.most_pending
        else:
            assert inside < self.most_running + self.most_pending
            ahead_all_run = inside < self.most_running
            assert place is (RUNNING if ahead_all_run else PENDING)
            self.taken.append(place)

    @precondition(lambda self: self.taken)
    @rule(accepted=st.booleans(), which=st.integers(0, 9))
    def settle(self, accepted: bool, which: int) -> None:
        place = self.taken.pop(which % len(self.taken))
        self.queue.settle(place, self.next if accepted else None)
        if accepted and place is RUNNING:
            self.running.add(self.next)
        elif accepted:
            self.waiting.append(self.next)
        self.next += 1

    @precondition(lambda self: self.running or self.waiting)
    @rule(which=st.integers(0, 99))
    def leave(self, which: int) -> None:
        inside = [*sorted(self.running), *self.waiting]
        key = inside[which % len(inside)]
        self.queue.leave(key)
        self.running.discard(key)
        self.waiting = [other for other in self.waiting if other != key]

    @rule()
    def follow(self) -> None:
        key = self.queue.following()
        taken = self.taken.count(RUNNING)
        if self.waiting and len(self.running) + taken < self.most_running:
            assert key == self.waiting.pop(0)
            self.running.add(key)
        else:
            assert key is None

    @invariant()
    def never_more_than_may_run(self) -> None:
        assert len(self.running) + self.taken.count(RUNNING) <= self.most_running


def test_through_all_that_may_happen_the_queue_does_what_the_model_says() -> None:
    run_state_machine_as_test(Queue, settings=settings(max_examples=150, stateful_step_count=30))


@pytest.mark.parametrize("most", [1, 3])
def test_whoever_gets_in_runs_at_last(most: int) -> None:
    queue = Admission(running=most, pending=None)
    running = {key for key in range(20) if enter(queue, key) is RUNNING}
    ran: list[int] = []
    while running:
        key = min(running)
        ran.append(key)
        running.remove(key)
        queue.leave(key)
        while (following := queue.following()) is not None:
            running.add(following)
        assert len(running) <= most
    assert ran == list(range(20))
