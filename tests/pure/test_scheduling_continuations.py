"""Continuations, sleeps and delays, one example at a time."""

from __future__ import annotations

from typing import Any

import pytest

from heliograph.graph.options import TaskOptions
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import (
    Action,
    Checkpoint,
    Close,
    Expand,
    Finish,
    Mark,
    Release,
    Start,
    Stop,
    Wake,
)
from heliograph.scheduling.events import (
    Canceled,
    Continued,
    Due,
    Expanded,
    Failed,
    Stored,
    Submitted,
    Succeeded,
    TaskRule,
)
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine
from heliograph.scheduling.needs import needs
from heliograph.scheduling.retry import backoff
from tests.pure.family import told

READY, WAITING = TaskStatus.READY, TaskStatus.WAITING
SUCCESSFUL, FAILED, CANCELED = TaskStatus.SUCCESSFUL, TaskStatus.FAILED, TaskStatus.CANCELED
NOW = 100.0


def task(
    *upstream: int, frame: int | None = None, delivers_to: int | None = None, **options: Any
) -> TaskRule:
    return TaskRule(upstream, TaskOptions(**options), frame, delivers_to)


def catching(*upstream: int, **given: Any) -> TaskRule:
    return task(*upstream, catch_exceptions=True, **given)


def submitted(*tasks: TaskRule, **given: Any) -> Machine:
    machine = Machine()
    told(machine, Submitted(NOW, tasks, **given))
    return machine


def continued(machine: Machine, number: int, *tasks: TaskRule) -> list[Action]:
    """The task returns these, and they are committed; what that asked for."""
    first = machine.count
    machine.handle(Continued(NOW, number, machine.live[number], tasks))
    check(machine)
    return told(machine, Expanded(NOW, first, len(tasks)))


def succeeded(machine: Machine, number: int) -> list[Action]:
    return told(machine, Succeeded(NOW, number, machine.live[number]))


def raised(machine: Machine, number: int, jitter: float = 0.0) -> list[Action]:
    return told(machine, Failed(NOW, number, machine.live[number], False, ("builtins.ValueError",), jitter))


def statuses(machine: Machine) -> list[TaskStatus]:
    return [machine.status_of(number) for number in range(machine.count)]


# -- the way of a continuation


def test_a_task_that_returns_others_waits_and_they_start_when_they_are_stored() -> None:
    machine = submitted(task(), task(0))
    assert told(machine, Continued(NOW, 0, 1, (task(), task(0)))) == [
        Close(0, 1, AttemptStatus.SUCCESSFUL),
        Mark(0, WAITING),
        Expand(0, 0, 2),
    ]
    assert machine.live == {}
    assert machine.rule_of(3) == task(2, frame=0, delivers_to=0)
    assert told(machine, Expanded(NOW, 2, 2)) == [Start(2, 1)]
    succeeded(machine, 2)
    assert told(machine, Stored(NOW, 2)) == [Mark(3, READY), Start(3, 1)]


def test_the_output_of_the_last_of_them_is_that_of_the_task_that_returned_them() -> None:
    machine = submitted(task(checkpoint=False), task(0))
    continued(machine, 0, task())
    assert succeeded(machine, 2) == [
        Close(2, 1, AttemptStatus.SUCCESSFUL),
        Mark(2, SUCCESSFUL),
        Release(2),
        Checkpoint(0, keep=False),
    ]
    assert not machine.is_stored(0)
    assert told(machine, Stored(NOW, 0)) == [Mark(1, READY), Start(1, 1)]


def test_a_continuation_of_the_output_task_ends_the_run() -> None:
    machine = submitted(task())
    continued(machine, 0, task())
    assert succeeded(machine, 1)[-2:] == [Checkpoint(0, keep=True), Finish(WorkflowStatus.SUCCESSFUL)]
    assert told(machine, Stored(NOW, 0)) == []


def test_a_loop_of_ten_thousand_continuations_has_one_frame_and_bounded_memory() -> None:
    machine = submitted(task())
    sizes = set()
    for step in range(10_000):
        first = machine.count
        actions = machine.handle(Continued(NOW, step, 1, (task(),)))
        assert actions[-1] == Expand(step, 0, first)
        assert machine.handle(Expanded(NOW, first, 1)) == [Start(first, 1)]
        assert machine.delegates == {0: first}
        sizes.add(len(machine.states))
    assert sizes == {2}
    check(machine)
    assert succeeded(machine, 10_000)[-2:] == [Checkpoint(0, keep=True), Finish(WorkflowStatus.SUCCESSFUL)]


def test_a_loop_with_tasks_beside_the_tail_keeps_no_more_than_one_step_of_them() -> None:
    machine = submitted(task())
    at, sizes = 0, set()
    for _ in range(300):
        continued(machine, at, task(), task(0))
        beside, at = machine.count - 2, machine.count - 1
        succeeded(machine, beside)
        told(machine, Stored(NOW, beside))
        sizes.add(len(machine.states))
    assert sizes == {3}


def test_a_tail_call_is_done_and_lets_go_of_its_inputs() -> None:
    machine = submitted(task())
    continued(machine, 0, task(), task(0))
    succeeded(machine, 1)
    told(machine, Stored(NOW, 1))
    assert told(machine, Continued(NOW, 2, 1, (task(),))) == [
        Close(2, 1, AttemptStatus.SUCCESSFUL),
        Mark(2, SUCCESSFUL),
        Release(1),
        Release(2),
        Expand(2, 0, 3),
    ]


def test_a_task_before_the_last_becomes_a_frame_within_the_frame() -> None:
    machine = submitted(task())
    continued(machine, 0, task(), task(0))
    assert continued(machine, 1, task()) == [Start(3, 1)]
    assert machine.delegates == {0: 2, 1: 3}
    assert succeeded(machine, 3)[-1] == Checkpoint(1, keep=True)
    assert told(machine, Stored(NOW, 1)) == [Mark(2, READY), Start(2, 1)]


# -- who catches


def test_a_delegate_that_catches_becomes_a_frame() -> None:
    machine = submitted(task())
    continued(machine, 0, catching())
    assert continued(machine, 1, task()) == [Start(2, 1)]
    assert machine.delegates == {0: 1, 1: 2}
    assert machine.status_of(1) is WAITING
    assert raised(machine, 2) == [
        Close(2, 1, AttemptStatus.FAILED),
        Mark(2, FAILED),
        Release(2),
        Mark(1, SUCCESSFUL),
        Release(1),
        Checkpoint(0, keep=True, caught=True),
        Finish(WorkflowStatus.SUCCESSFUL),
    ]


def test_a_failure_goes_up_to_the_first_that_catches_and_ends_all_within() -> None:
    # 0 catches. Of its continuation, 3 made a tail call of 4, 5 and 6; of these, 5 is a frame of 7, 8 and 9.
    machine = submitted(catching(), task(0))
    continued(machine, 0, task(), task(0))
    told(machine, Succeeded(NOW, 2, 1))
    told(machine, Stored(NOW, 2))
    continued(machine, 3, task(), task(), task(0, 1))
    continued(machine, 5, task(), task(), task(0, 1))
    assert set(machine.delegates) == {0, 5}
    assert machine.live == {4: 1, 7: 1, 8: 1}
    actions = raised(machine, 8)
    assert [action for action in actions if isinstance(action, Stop)] == [Stop(4, 1), Stop(7, 1)]
    assert actions[-1] == Checkpoint(0, keep=True, caught=True)
    assert not machine.delegates
    assert set(machine.states) == {0, 1}
    assert told(machine, Stored(NOW, 0)) == [Mark(1, READY), Start(1, 1)]


def test_the_nearest_catches_and_what_is_around_goes_on() -> None:
    machine = submitted(catching())
    continued(machine, 0, catching(), task(), task(0, 1))  # 1, 2, 3
    continued(machine, 1, task())  # 4
    assert machine.catcher(4) == 1
    actions = raised(machine, 4)
    assert actions[-1] == Checkpoint(1, keep=True, caught=True)
    assert machine.live == {2: 1}
    assert machine.delegates == {0: 3}


def test_what_was_about_to_be_stored_in_a_frame_that_ended_is_no_news() -> None:
    machine = submitted(catching(), task(0))
    continued(machine, 0, task(), task(), task(0, 1))
    succeeded(machine, 2)
    raised(machine, 3)
    assert told(machine, Stored(NOW, 2)) == []


def test_tasks_of_a_frame_that_ended_do_not_start_when_they_are_stored() -> None:
    machine = submitted(catching(), task(0))
    continued(machine, 0, task(), task(), task(0, 1))
    told(machine, Continued(NOW, 2, 1, (task(),)))
    assert Mark(5, CANCELED) in raised(machine, 3)
    assert told(machine, Expanded(NOW, 5, 1)) == []


def test_nobody_catches_what_is_raised_beside_the_catching_task() -> None:
    machine = submitted(task())
    continued(machine, 0, catching(), task(), task(0, 1))
    assert machine.catcher(1) == 1
    assert machine.catcher(2) is None
    assert raised(machine, 2)[-1] == Finish(WorkflowStatus.FAILED, 2)


def test_an_output_is_wrapped_once_however_many_catch_whose_output_it_is() -> None:
    machine = submitted(task())
    assert machine.wraps(0) == 0
    continued(machine, 0, catching(), catching(0))  # 1 is no delegate: its output is its own
    assert [machine.wraps(number) for number in range(3)] == [0, 1, 1]
    succeeded(machine, 1)
    told(machine, Stored(NOW, 1))
    continued(machine, 2, task())
    assert (machine.wraps(3), machine.catcher(3)) == (1, 2)
    continued(machine, 3, catching())  # a tail call: 3 is gone
    assert (machine.wraps(4), machine.catcher(4)) == (1, 4)


def test_a_loop_of_catching_tasks_has_one_frame() -> None:
    machine = submitted(catching())
    for number in range(5):
        continued(machine, number, catching())
    assert machine.delegates == {0: 5}
    assert set(machine.states) == {0, 5}
    assert machine.wraps(5) == 1
    assert raised(machine, 5)[-2:] == [
        Checkpoint(0, keep=True, caught=True),
        Finish(WorkflowStatus.SUCCESSFUL),
    ]


def test_a_tail_call_does_not_lose_who_catches() -> None:
    machine = submitted(catching())
    for number in range(3):
        continued(machine, number, task())
    assert (machine.wraps(3), machine.catcher(3)) == (1, 0)


def test_an_inner_task_is_tried_again_by_its_own_options() -> None:
    machine = submitted(catching())
    continued(machine, 0, task(retry_exceptions=True, max_retries=1))
    assert raised(machine, 1)[-1] == Start(1, 2)
    assert Checkpoint(0, keep=True, caught=True) in raised(machine, 1)


# -- the end of a run while tasks wait


def waiting_machine() -> Machine:
    """0 is a frame; 1 sleeps; 2 waits for its next attempt; 3 runs; 5, of 0, runs; 6 is not committed yet."""
    delayed = task(retry_exceptions=True, retry_delay=5.0)
    machine = submitted(task(), task(sleep=60.0), delayed, task(), task(0, 1, 2, 3))
    continued(machine, 0, task(), task(0))
    raised(machine, 2)
    continued(machine, 5, task())
    told(machine, Continued(NOW, 7, 1, (task(),)))
    return machine


def test_a_run_that_fails_cancels_what_waits() -> None:
    machine = waiting_machine()
    actions = raised(machine, 3)
    assert [action for action in actions if isinstance(action, Stop)] == []
    assert Close(1, 1, AttemptStatus.CANCELED) in actions
    assert actions[-1] == Finish(WorkflowStatus.FAILED, 3)
    assert statuses(machine) == [
        *(CANCELED, CANCELED, CANCELED, FAILED, TaskStatus.PENDING),
        *(CANCELED, TaskStatus.PENDING, SUCCESSFUL, CANCELED),
    ]
    assert told(machine, Expanded(NOW, 8, 1)) == []


def test_a_cancel_ends_frames_sleeps_and_delays() -> None:
    machine = waiting_machine()
    actions = told(machine, Canceled(NOW))
    assert [action for action in actions if isinstance(action, Stop)] == [Stop(3, 1)]
    assert actions[-1] == Finish(WorkflowStatus.CANCELED)
    assert set(statuses(machine)) == {CANCELED, SUCCESSFUL}
    for event in (Expanded(NOW, 8, 1), Due(NOW, 1), Due(NOW, 2), Succeeded(NOW, 3, 1)):
        assert told(machine, event) == []


# -- resume


LOOP = (
    task(),
    task(0),
    *(task(frame=1), task(2, frame=1, delivers_to=1)),
    *(task(frame=1), task(4, frame=1, delivers_to=1)),  # 3 was a tail call
)


def test_a_resume_in_a_continuation_goes_on_with_the_newest_delegate() -> None:
    machine = Machine()
    unkept = frozenset({3})
    actions = told(
        machine,
        Submitted(NOW, LOOP, frozenset({0, 2}), ((4, 1),), resumed=True, unkept=unkept, output=1),
    )
    assert actions == [Mark(1, WAITING), Mark(4, READY), Start(4, 2)]
    assert machine.delegates == {1: 5}
    assert machine.status_of(3) is SUCCESSFUL
    succeeded(machine, 4)
    assert told(machine, Stored(NOW, 4)) == [Mark(5, READY), Start(5, 1)]
    assert succeeded(machine, 5)[-2:] == [Checkpoint(1, keep=True), Finish(WorkflowStatus.SUCCESSFUL)]


def test_a_frame_needs_its_inputs_no_more() -> None:
    machine = submitted(*LOOP, resumed=True, output=1)  # 0 was not kept
    assert machine.live == {4: 1}
    assert set(machine.states) == {1, 4, 5}


def test_a_resume_within_frames_within_frames_keeps_who_catches() -> None:
    rules = (
        catching(),
        *(catching(frame=0, delivers_to=0),),
        *(task(frame=1), task(2, frame=1, delivers_to=1)),
        *(task(frame=2, delivers_to=2),),
    )
    machine = submitted(*rules, resumed=True, output=0)
    assert machine.delegates == {0: 1, 1: 3, 2: 4}
    assert machine.live == {4: 1}
    assert machine.catcher(4) == 1
    assert machine.wraps(1) == 1
    assert raised(machine, 4)[-2:] == [
        Checkpoint(0, keep=True, caught=True),
        Finish(WorkflowStatus.SUCCESSFUL),
    ]


# -- what a run needs


@pytest.mark.parametrize(
    ("stored", "tasks", "delegates"),
    [
        (set(), (1, 4, 5), {1: 5}),
        ({0, 2}, (1, 4, 5), {1: 5}),
        ({0, 2, 4}, (1, 5), {1: 5}),
        ({1}, (), {}),
    ],
)
def test_a_run_needs_what_the_output_takes_and_is_not_stored(
    stored: set[int], tasks: tuple[int, ...], delegates: dict[int, int]
) -> None:
    found = needs(LOOP, 1, stored)
    assert (found.tasks, found.delegates) == (tasks, delegates)


def test_a_frame_whose_output_is_not_needed_needs_no_delegate() -> None:
    rules = (task(), task(0), task(frame=0, delivers_to=0))
    assert needs(rules, 1, {0}).delegates == {}
    assert needs(rules, 1, {0}).tasks == (1,)
    assert needs(rules, 1, set()).delegates == {0: 2}


def test_what_a_run_needs_is_found_without_a_deep_stack() -> None:
    rules = (task(), *[task(number) for number in range(20_000)])
    assert needs(rules, 20_000, {0}).tasks == tuple(range(1, 20_001))


# -- sleeps


def test_a_sleep_has_no_worker_and_its_end_is_to_last() -> None:
    machine = Machine()
    assert told(machine, Submitted(NOW, (task(sleep=30.0), task(0)))) == [
        Mark(0, WAITING),
        Wake(0, NOW + 30.0, lasting=True),
    ]
    assert machine.is_asleep(0)
    assert machine.live == {0: 1}
    assert told(machine, Due(NOW + 30.0, 0)) == [
        Close(0, 1, AttemptStatus.SUCCESSFUL),
        Checkpoint(0, keep=True),
    ]
    assert told(machine, Due(NOW + 30.0, 0)) == []


def test_a_sleep_ends_after_a_resume_when_it_was_to_end_before() -> None:
    machine = Machine()
    actions = told(machine, Submitted(NOW, (task(sleep=30.0),), frozenset(), resumed=True, due=((0, 17.0),)))
    assert actions == [Mark(0, READY), Mark(0, WAITING), Wake(0, 17.0, lasting=True)]


def test_a_sleep_in_a_continuation_begins_when_it_is_stored() -> None:
    machine = submitted(task())
    told(machine, Continued(NOW, 0, 1, (task(sleep=30.0),)))
    assert told(machine, Expanded(NOW + 5.0, 1, 1)) == [
        Mark(1, WAITING),
        Wake(1, NOW + 35.0, lasting=True),
    ]
    assert told(machine, Due(NOW + 35.0, 1))[-2:] == [
        Checkpoint(0, keep=True),
        Finish(WorkflowStatus.SUCCESSFUL),
    ]


# -- delays


def test_another_attempt_waits_longer_each_time_up_to_a_bound() -> None:
    machine = submitted(task(retry_exceptions=True, max_retries=-1, retry_delay=1.0, retry_delay_max=5.0))
    waited = []
    for attempt in range(1, 6):
        actions = raised(machine, 0)
        assert actions[:2] == [Close(0, attempt, AttemptStatus.FAILED), Mark(0, WAITING)]
        assert isinstance(actions[2], Wake)
        assert not actions[2].lasting
        waited.append(actions[2].at - NOW)
        assert machine.live == {}
        assert told(machine, Due(actions[2].at, 0)) == [Mark(0, READY), Start(0, attempt + 1)]
    assert waited == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_delay_grows_with_the_tries_of_this_run_alone() -> None:
    machine = submitted(task(retry_exceptions=True, retry_delay=1.0), attempts=((0, 5),), resumed=True)
    assert raised(machine, 0)[-1] == Wake(0, NOW + 1.0)


def test_jitter_takes_up_to_half_of_the_delay_off() -> None:
    for jitter, delay in ((0.0, 8.0), (0.5, 6.0), (1.0, 4.0)):
        machine = submitted(task(retry_exceptions=True, retry_delay=8.0))
        assert raised(machine, 0, jitter)[-1] == Wake(0, NOW + delay)


@pytest.mark.parametrize("tries", [1, 64, 65, 2_000, 10**9])
def test_a_delay_is_never_more_than_its_bound_however_many_tries(tries: int) -> None:
    assert backoff(TaskOptions(retry_delay=1e300, retry_delay_max=9.0), tries, jitter=0.0) == 9.0
    assert backoff(TaskOptions(retry_delay=0.0, retry_delay_max=9.0), tries, jitter=1.0) == 0.0


def test_a_timer_that_rings_again_does_not_wake_a_frame() -> None:
    machine = submitted(task(retry_exceptions=True, retry_delay=1.0))
    raised(machine, 0)
    told(machine, Due(NOW + 1.0, 0))
    continued(machine, 0, task())
    assert told(machine, Due(NOW + 1.0, 0)) == []
    assert machine.live == {1: 1}


def test_a_resume_leaves_what_a_caught_exception_ended_as_it_is() -> None:
    rules = (
        TaskRule((), TaskOptions(catch_exceptions=True)),  # its continuation failed, and it caught that
        TaskRule((0,), TaskOptions()),
        TaskRule((), TaskOptions(), frame=0),
        TaskRule((2,), TaskOptions(), frame=0, delivers_to=0),
    )
    machine = Machine()
    failed = frozenset({2})
    actions = machine.handle(
        Submitted(1.0, rules, frozenset({0}), ((0, 1), (2, 1)), resumed=True, failed=failed, output=1)
    )
    assert actions == [
        Mark(2, TaskStatus.FAILED),
        Mark(3, TaskStatus.CANCELED),
        Mark(1, TaskStatus.READY),
        Start(1, 1),
    ]
    assert {status: count for status, count in machine.progress.items() if count} == {
        TaskStatus.SUCCESSFUL: 1,
        TaskStatus.FAILED: 1,
        TaskStatus.CANCELED: 1,
        TaskStatus.READY: 1,
    }


def test_a_resume_begins_what_failed_in_a_continuation_anew_where_nobody_caught_that() -> None:
    rules = (
        TaskRule((), TaskOptions()),
        TaskRule((), TaskOptions(), frame=0, delivers_to=0),
    )
    machine = Machine()
    failed = frozenset({1})
    actions = machine.handle(
        Submitted(1.0, rules, frozenset(), ((0, 1), (1, 1)), resumed=True, failed=failed, output=0)
    )
    assert actions == [
        Mark(1, TaskStatus.PENDING),
        Mark(0, TaskStatus.WAITING),
        Mark(1, TaskStatus.READY),
        Start(1, 2),
    ]
