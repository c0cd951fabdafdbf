"""The machine, one move at a time: what each event asks for, and which events can't be."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from heliograph.graph.options import TaskOptions
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import Checkpoint, Close, Finish, Mark, Release, Start, Stop
from heliograph.scheduling.events import (
    Canceled,
    Event,
    Failed,
    Started,
    Stored,
    Submitted,
    Succeeded,
    TaskRule,
)
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine
from heliograph.scheduling.needs import needs
from heliograph.scheduling.transitions import TASK_MOVES, IllegalMoveError, initial_status
from tests.pure.family import state_of, told
from tests.shown import shown

READY, RUNNING, PENDING = TaskStatus.READY, TaskStatus.RUNNING, TaskStatus.PENDING
NOW = 7.0


def rules(*upstream: tuple[int, ...], **options: dict[str, Any]) -> tuple[TaskRule, ...]:
    """Tasks by their upstream tasks; ``t1={...}``: options of task 1."""
    return tuple(
        TaskRule(needs, TaskOptions(**options.get(f"t{task}", {}))) for task, needs in enumerate(upstream)
    )


def submitted(tasks: tuple[TaskRule, ...], *events: Event, **given: Any) -> Machine:
    machine = Machine()
    told(machine, Submitted(NOW, tasks, **given), *events)
    return machine


def done(task: int, attempt: int = 1) -> tuple[Event, Event]:
    return Succeeded(NOW, task, attempt), Stored(NOW, task)


def raised(task: int, attempt: int = 1, *lineage: str) -> Failed:
    return Failed(NOW, task, attempt, died=False, lineage=lineage or ("builtins.ValueError",))


def killed(task: int, attempt: int = 1) -> Failed:
    return Failed(NOW, task, attempt, died=True)


CHAIN = rules((), (0,), (1,))
DIAMOND = rules((), (0,), (0,), (1, 2))
PAIR = rules((), (), (0, 1))


# -- submission


def test_a_new_machine_waits_and_knows_nothing() -> None:
    machine = Machine()
    assert machine.status is WorkflowStatus.PENDING
    assert (machine.progress, dict(machine.live)) == ({}, {})
    check(machine)


def test_submission_starts_what_needs_nothing_and_marks_nothing_that_is_stored_so_already() -> None:
    machine = Machine()
    assert told(machine, Submitted(NOW, PAIR)) == [Start(0, 1), Start(1, 1)]
    assert machine.status is WorkflowStatus.RUNNING
    assert machine.progress == {READY: 2, PENDING: 1}


def test_the_rows_of_a_plan_that_was_just_stored_are_what_the_machine_takes_them_for() -> None:
    machine = submitted(DIAMOND)
    assert [machine.status_of(task) for task in range(4)] == [
        initial_status(rule.upstream) for rule in DIAMOND
    ]


def test_submission_can_come_once() -> None:
    machine = submitted(CHAIN)
    before = state_of(machine)
    with pytest.raises(IllegalMoveError, match="submitted, and the run is RUNNING already"):
        machine.handle(Submitted(NOW, CHAIN))
    assert state_of(machine) == before


# -- the way of a task


def test_an_attempt_that_a_worker_has_is_running_and_that_is_told_once() -> None:
    machine = submitted(CHAIN)
    assert told(machine, Started(NOW, 0, 1)) == [Mark(0, RUNNING)]
    assert told(machine, Started(NOW, 0, 1)) == []
    assert machine.progress == {RUNNING: 1, PENDING: 2}


@pytest.mark.parametrize("seen", [True, False], ids=["seen running", "too short to be seen"])
def test_a_success_asks_for_a_checkpoint_and_starts_nothing_before_it_is_stored(seen: bool) -> None:
    machine = submitted(CHAIN, *([Started(NOW, 0, 1)] if seen else []))
    assert told(machine, Succeeded(NOW, 0, 1)) == [
        Close(0, 1, AttemptStatus.SUCCESSFUL),
        Checkpoint(0, keep=True),
    ]
    assert machine.status_of(1) is PENDING
    assert told(machine, Stored(NOW, 0)) == [Mark(1, READY), Start(1, 1)]


def test_a_task_starts_with_the_last_of_its_inputs() -> None:
    machine = submitted(PAIR, *done(1))
    assert machine.status_of(2) is PENDING
    assert told(machine, *done(0)) == [Mark(2, READY), Start(2, 1)]
    assert machine.live == {2: 1}


def test_one_stored_output_starts_all_that_waited_for_it_alone() -> None:
    machine = submitted(DIAMOND)
    assert told(machine, *done(0)) == [Mark(1, READY), Start(1, 1), Mark(2, READY), Start(2, 1)]


def test_the_output_of_the_last_task_ends_the_run_in_the_same_commit() -> None:
    machine = submitted(rules(()))
    assert told(machine, Succeeded(NOW, 0, 1)) == [
        Close(0, 1, AttemptStatus.SUCCESSFUL),
        Checkpoint(0, keep=True),
        Finish(WorkflowStatus.SUCCESSFUL),
    ]
    assert told(machine, Stored(NOW, 0)) == []
    assert machine.status is WorkflowStatus.SUCCESSFUL


def test_a_task_without_a_checkpoint_is_recorded_and_its_output_not_kept() -> None:
    machine = submitted(rules((), (0,), t0={"checkpoint": False}))
    assert Checkpoint(0, keep=False) in told(machine, Succeeded(NOW, 0, 1))
    assert told(machine, Stored(NOW, 0)) == [Mark(1, READY), Start(1, 1)]


# -- outputs that nobody needs any more


def test_an_output_is_released_when_its_last_user_is_stored() -> None:
    machine = submitted(DIAMOND, *done(0))
    assert told(machine, Succeeded(NOW, 1, 1)) == [
        Close(1, 1, AttemptStatus.SUCCESSFUL),
        Checkpoint(1, keep=True),
    ]
    assert told(machine, Stored(NOW, 1)) == []  # task 2 still reads it
    assert told(machine, *done(2)) == [Mark(3, READY), Start(3, 1), Release(0)]


def test_an_output_is_held_while_its_user_may_be_tried_again() -> None:
    machine = submitted(CHAIN, *done(0))
    assert Release(0) not in told(machine, killed(1, 1))
    assert Release(0) not in told(machine, Succeeded(NOW, 1, 2))
    assert told(machine, Stored(NOW, 1)) == [Mark(2, READY), Start(2, 1), Release(0)]


def test_in_a_resume_an_output_is_released_too_and_only_users_that_run_count() -> None:
    machine = submitted(DIAMOND, stored=frozenset({0, 1}), attempts=((0, 1), (1, 1)), resumed=True)
    assert machine.live == {2: 1}
    assert told(machine, *done(2)) == [Mark(3, READY), Start(3, 1), Release(0)]


# -- failures


def test_a_dead_worker_is_worth_another_try_as_often_as_max_retries_says() -> None:
    machine = submitted(rules((), t0={"max_retries": 2}))
    assert told(machine, killed(0, 1)) == [Close(0, 1, AttemptStatus.FAILED), Start(0, 2)]
    assert told(machine, killed(0, 2)) == [Close(0, 2, AttemptStatus.FAILED), Start(0, 3)]
    assert told(machine, killed(0, 3)) == [
        Close(0, 3, AttemptStatus.FAILED),
        Mark(0, TaskStatus.FAILED),
        Finish(WorkflowStatus.FAILED, 0),
    ]


def test_without_retries_a_dead_worker_fails_the_run_at_once() -> None:
    machine = submitted(rules((), t0={"max_retries": 0}))
    assert told(machine, killed(0, 1))[-1] == Finish(WorkflowStatus.FAILED, 0)


def test_a_task_that_was_running_is_ready_again_before_its_next_try() -> None:
    machine = submitted(rules(()), Started(NOW, 0, 1))
    assert told(machine, killed(0, 1)) == [
        Close(0, 1, AttemptStatus.FAILED),
        Mark(0, READY),
        Start(0, 2),
    ]


def test_without_a_limit_it_is_tried_for_ever() -> None:
    machine = submitted(rules((), t0={"max_retries": -1}))
    for attempt in range(1, 1_000):
        assert told(machine, killed(0, attempt))[-1] == Start(0, attempt + 1)


def test_an_exception_that_is_not_to_be_retried_fails_the_run_at_once() -> None:
    machine = submitted(CHAIN)
    assert told(machine, raised(0)) == [
        Close(0, 1, AttemptStatus.FAILED),
        Mark(0, TaskStatus.FAILED),
        Finish(WorkflowStatus.FAILED, 0),
    ]
    assert machine.progress == {TaskStatus.FAILED: 1, PENDING: 2}


def test_a_failure_stops_what_runs_in_this_order() -> None:
    machine = submitted(rules((), (), (), (0, 1, 2)), Started(NOW, 2, 1))
    assert told(machine, raised(1)) == [
        Close(1, 1, AttemptStatus.FAILED),
        Mark(1, TaskStatus.FAILED),
        *(Stop(0, 1), Close(0, 1, AttemptStatus.CANCELED), Mark(0, TaskStatus.CANCELED)),
        *(Stop(2, 1), Close(2, 1, AttemptStatus.CANCELED), Mark(2, TaskStatus.CANCELED)),
        Finish(WorkflowStatus.FAILED, 1),
    ]
    assert machine.live == {}


def test_a_failed_run_starts_nothing_when_an_output_is_stored_after_its_end() -> None:
    machine = submitted(rules((), (), (0,), (1, 2)), Succeeded(NOW, 0, 1), raised(1))
    assert told(machine, Stored(NOW, 0)) == []
    assert machine.status_of(2) is PENDING
    assert [task for task in range(machine.count) if machine.is_stored(task)] == [0]


def test_an_exception_that_is_caught_is_the_tasks_output() -> None:
    machine = submitted(rules((), (0,), t0={"catch_exceptions": True}))
    assert told(machine, raised(0)) == [
        Close(0, 1, AttemptStatus.FAILED),
        Checkpoint(0, keep=True, caught=True),
    ]
    assert machine.status_of(0) is TaskStatus.SUCCESSFUL
    assert told(machine, Stored(NOW, 0)) == [Mark(1, READY), Start(1, 1)]


def test_an_exception_of_the_last_task_that_is_caught_ends_the_run_well() -> None:
    machine = submitted(rules((), t0={"catch_exceptions": True, "checkpoint": False}))
    assert told(machine, raised(0))[1:] == [
        Checkpoint(0, keep=False, caught=True),
        Finish(WorkflowStatus.SUCCESSFUL),
    ]


def test_what_is_caught_is_tried_again_first() -> None:
    options = {"catch_exceptions": True, "retry_exceptions": True, "max_retries": 1}
    machine = submitted(rules((), t0=options))
    assert told(machine, raised(0, 1))[-1] == Start(0, 2)
    assert Checkpoint(0, keep=True, caught=True) in told(machine, raised(0, 2))


def test_tries_are_counted_for_each_task_by_itself() -> None:
    machine = submitted(rules((), (), (0, 1), t0={"max_retries": 1}, t1={"max_retries": 1}))
    told(machine, killed(0, 1))
    assert told(machine, killed(1, 1))[-1] == Start(1, 2)
    assert told(machine, killed(1, 2))[-1] == Finish(WorkflowStatus.FAILED, 1)


# -- cancelling


def test_a_cancel_stops_what_runs_and_leaves_what_is_done() -> None:
    machine = submitted(DIAMOND, *done(0), *done(2))
    assert told(machine, Canceled(NOW)) == [
        Stop(1, 1),
        Close(1, 1, AttemptStatus.CANCELED),
        Mark(1, TaskStatus.CANCELED),
        Finish(WorkflowStatus.CANCELED),
    ]
    assert machine.progress == {TaskStatus.SUCCESSFUL: 2, TaskStatus.CANCELED: 2}


def test_a_run_can_be_cancelled_before_its_turn() -> None:
    machine = Machine()
    assert told(machine, Canceled(NOW)) == [Finish(WorkflowStatus.CANCELED)]
    with pytest.raises(IllegalMoveError, match="CANCELED already"):
        machine.handle(Submitted(NOW, CHAIN))


def ended_machines() -> dict[str, Machine]:
    return {
        "successful": submitted(rules(()), *done(0)),
        "failed": submitted(PAIR, raised(0)),
        "cancelled": submitted(PAIR, Canceled(NOW)),
        "resumed with nothing to do": submitted(rules(()), stored=frozenset({0}), resumed=True),
    }


@pytest.mark.parametrize("name", ended_machines())
def test_a_run_that_is_over_asks_for_nothing_whatever_comes(name: str) -> None:
    machine = ended_machines()[name]
    before = state_of(machine)
    for event in (Canceled(NOW), Started(NOW, 0, 1), Succeeded(NOW, 0, 1), raised(0), killed(0, 1)):
        assert told(machine, event) == []
    assert state_of(machine) == before


# -- receipts that come late, and events that can't be


@pytest.mark.parametrize("event", [Started(NOW, 0, 1), Succeeded(NOW, 0, 1), raised(0), killed(0)], ids=shown)
def test_news_of_an_attempt_that_is_over_are_no_news(event: Event) -> None:
    after_retry = submitted(CHAIN, killed(0, 1))
    after_success = submitted(CHAIN, Succeeded(NOW, 0, 1))
    after_storing = submitted(CHAIN, *done(0))
    for machine in (after_retry, after_success, after_storing):
        before = state_of(machine)
        assert told(machine, event) == []
        assert state_of(machine) == before


@pytest.mark.parametrize("event", [Started(NOW, 1, 1), Succeeded(NOW, 1, 1), raised(1)], ids=shown)
def test_news_of_an_attempt_that_never_was_are_no_news(event: Event) -> None:
    machine = submitted(CHAIN)
    before = state_of(machine)
    assert told(machine, event) == []
    assert state_of(machine) == before


@pytest.mark.parametrize(
    ("machine", "task", "story"),
    [
        (submitted(CHAIN), 0, "task 0 is READY: it can't be stored now"),
        (submitted(CHAIN), 2, "task 2 is PENDING: it can't be stored now"),
        (submitted(CHAIN, Started(NOW, 0, 1)), 0, "task 0 is RUNNING: it can't be stored now"),
        (submitted(CHAIN, *done(0)), 0, "task 0 is SUCCESSFUL: it can't be stored now"),
        (submitted(CHAIN, raised(0)), 0, "task 0 is FAILED: it can't be stored now"),
        (submitted(CHAIN, Canceled(NOW)), 0, "task 0 is CANCELED: it can't be stored now"),
    ],
)
def test_what_did_not_just_succeed_cannot_be_stored_and_nothing_changes(
    machine: Machine, task: int, story: str
) -> None:
    before = state_of(machine)
    with pytest.raises(IllegalMoveError, match=story):
        machine.handle(Stored(NOW, task))
    assert state_of(machine) == before


# -- resume


def test_a_resume_goes_on_where_it_stopped_and_marks_what_it_wakes() -> None:
    machine = Machine()
    actions = told(machine, Submitted(NOW, CHAIN, frozenset({0}), ((0, 1), (1, 2)), resumed=True))
    assert actions == [Mark(1, READY), Start(1, 3)]
    assert machine.progress == {TaskStatus.SUCCESSFUL: 1, READY: 1, PENDING: 1}


def test_a_resume_marks_also_what_needs_nothing_for_its_row_says_pending() -> None:
    machine = Machine()
    assert told(machine, Submitted(NOW, PAIR, frozenset({1}), resumed=True)) == [Mark(0, READY), Start(0, 1)]


def test_a_resume_wakes_only_what_the_output_still_needs() -> None:
    # 0 -> 1 -> 2 -> 3, and 0 -> 3: 1 was not kept, and all that took it is stored.
    tasks = rules((), (0,), (1,), (0, 2), t1={"checkpoint": False})
    machine = Machine()
    actions = told(machine, Submitted(NOW, tasks, frozenset({0, 2}), ((0, 1), (1, 1), (2, 1)), resumed=True))
    assert actions == [Mark(3, READY), Start(3, 1)]
    assert machine.status_of(1) is PENDING


def test_what_was_not_kept_runs_again_when_it_is_needed_again() -> None:
    tasks = rules((), (0,), (1,), t0={"checkpoint": False})
    machine = submitted(tasks, stored=frozenset(), attempts=((0, 1),), resumed=True)
    assert machine.live == {0: 2}
    assert told(machine, *done(0, 2)) == [Mark(1, READY), Start(1, 1)]


def test_a_resume_with_the_output_stored_is_over_at_once() -> None:
    machine = Machine()
    actions = told(machine, Submitted(NOW, CHAIN, frozenset({2}), ((0, 1), (1, 1), (2, 1)), resumed=True))
    assert actions == [Finish(WorkflowStatus.SUCCESSFUL)]
    assert machine.live == {}


def test_the_tries_of_an_earlier_run_do_not_count_but_their_numbers_do() -> None:
    tasks = rules((), t0={"max_retries": 1})
    machine = submitted(tasks, attempts=((0, 7),), resumed=True)
    assert machine.live == {0: 8}
    assert told(machine, killed(0, 8))[-1] == Start(0, 9)
    assert told(machine, killed(0, 9))[-1] == Finish(WorkflowStatus.FAILED, 0)


# -- the table


def test_a_task_that_is_over_moves_no_more() -> None:
    for status in (TaskStatus.SUCCESSFUL, TaskStatus.FAILED, TaskStatus.CANCELED):
        assert TASK_MOVES[status] == frozenset()


def test_the_table_names_every_status_and_no_move_to_where_one_is() -> None:
    assert set(TASK_MOVES) == set(TaskStatus)
    for status, moves in TASK_MOVES.items():
        assert status not in moves


def test_every_task_status_can_be_reached_and_left_for_an_end() -> None:
    reached, path = {PENDING}, [PENDING]
    while path:
        for status in TASK_MOVES[path.pop()] - reached:
            reached.add(status)
            path.append(status)
    assert reached == set(TaskStatus)
    for status in TaskStatus:
        assert not TASK_MOVES[status] or TaskStatus.CANCELED in TASK_MOVES[status]


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("wanted", TaskStatus)
def test_the_machine_makes_the_moves_in_the_table_and_refuses_all_others(
    status: TaskStatus, wanted: TaskStatus
) -> None:
    machine = submitted(rules((), (0,)))
    machine._status[0] = status
    machine._counts = dict(Counter([status, PENDING]))
    before = state_of(machine)
    if wanted in TASK_MOVES[status]:
        machine._set(0, wanted)
        assert machine.status_of(0) is wanted
        assert sum(machine.progress.values()) == 2
    else:
        with pytest.raises(IllegalMoveError, match=f"task 0 can't go from {status} to {wanted}"):
            machine._set(0, wanted)
        assert state_of(machine) == before


# -- size


def test_a_chain_of_twenty_thousand_resumes_without_a_deep_stack() -> None:
    tasks = rules((), *[(task,) for task in range(19_999)])
    machine = Machine()
    assert machine.handle(Submitted(NOW, tasks, resumed=True)) == [Mark(0, READY), Start(0, 1)]
    for task in range(20_000):
        machine.handle(Succeeded(NOW, task, 1))
        if task < 19_999:
            machine.handle(Stored(NOW, task))
    assert machine.status is WorkflowStatus.SUCCESSFUL
    check(machine)


def test_what_is_needed_by_two_is_walked_once() -> None:
    ladder = rules((), (0,), *[(task - 2, task - 1) for task in range(2, 60)])  # of a trillion ways down
    assert needs(ladder, 59, frozenset()).tasks == tuple(range(60))


def test_a_wide_fan_out_starts_at_once_and_in_order() -> None:
    tasks = rules(*[()] * 5_000, tuple(range(5_000)))
    machine = Machine()
    assert machine.handle(Submitted(NOW, tasks)) == [Start(task, 1) for task in range(5_000)]
