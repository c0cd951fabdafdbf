"""Stored outputs that turn out to be damaged: made again within the run, whatever else happens meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.graph.options import TaskOptions
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import Action, Checkpoint, Expand, Forget, Mark, Start
from heliograph.scheduling.events import (
    Continued,
    Damaged,
    Event,
    Expanded,
    Failed,
    Stored,
    Submitted,
    Succeeded,
    TaskRule,
)
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine
from heliograph.scheduling.transitions import initial_status
from tests.pure.family import dags


class Run:
    """A run whose store keeps what is committed at once, unless that turns out to be damaged."""

    def __init__(self, rules: tuple[TaskRule, ...], stored: frozenset[int] = frozenset()) -> None:
        self.rules, self.stored = rules, set(stored)
        self.rows = [
            TaskStatus.SUCCESSFUL if task in stored else initial_status(rule.upstream)
            for task, rule in enumerate(rules)
        ]
        self.output = len(rules) - 1
        self.attempts: dict[int, int] = {}
        self.started: list[int] = []
        self.begin(resumed=bool(stored))

    def begin(self, resumed: bool) -> None:
        """With what is stored, and nothing else, as in a process that was started anew."""
        self.machine, self.there = Machine(), set(self.stored)
        done = {task for task, status in enumerate(self.rows) if status is TaskStatus.SUCCESSFUL}
        if resumed:
            self.rows = [
                TaskStatus.SUCCESSFUL if task in done else TaskStatus.PENDING
                for task in range(len(self.rows))
            ]
        self.tell(
            Submitted(
                0.0,
                self.rules,
                frozenset(self.stored),
                tuple(self.attempts.items()),
                resumed,
                frozenset(done - self.stored),
                self.output,
            )
        )

    def tell(self, event: Event) -> list[Action]:
        actions = self.machine.handle(event)
        for action in actions:
            match action:
                case Start(task, attempt):
                    assert self.there.issuperset(self.rules[task].upstream)
                    assert attempt > self.attempts.get(task, 0), "a number that was used already"
                    self.attempts[task] = attempt
                    self.started.append(task)
                case Mark(task, status):
                    self.rows[task] = status
                case Forget(task):
                    self.stored.remove(task)
                    self.there.remove(task)
                case Checkpoint(task, keep, _):
                    self.rows[task] = TaskStatus.SUCCESSFUL
                    self.there.add(task)
                    if keep:
                        self.stored.add(task)
        check(self.machine)
        assert self.rows == [self.machine.status_of(task) for task in range(len(self.rows))]
        for action in actions:
            if isinstance(action, Checkpoint):
                actions = actions + self.tell(Stored(1.0, action.task))
        return actions

    def succeed(self, task: int) -> None:
        self.tell(Succeeded(1.0, task, self.machine.live[task]))

    def fail(self, task: int) -> None:
        self.tell(Failed(1.0, task, self.machine.live[task], died=False))

    def go_on(self, task: int, tasks: tuple[TaskRule, ...]) -> None:
        first = len(self.rules)
        self.rows += [initial_status(rule.upstream) for rule in tasks]
        expand = self.tell(Continued(1.0, task, self.machine.live[task], tasks))[-1]
        assert isinstance(expand, Expand)
        for place, rule in enumerate(tasks, 1):
            upstream = tuple(first + needed for needed in rule.upstream)
            delivers_to = expand.frame if place == len(tasks) else None
            self.rules = (*self.rules, TaskRule(upstream, rule.options, expand.frame, delivers_to))
        self.tell(Expanded(1.0, first, len(tasks)))

    def cannot_read(self, task: int, source: int) -> None:
        attempt, attempts = self.machine.live[task], tuple(self.attempts.items())
        self.tell(Damaged(1.0, task, attempt, source, self.rules, frozenset(self.stored), attempts))


def chain(*options: TaskOptions) -> tuple[TaskRule, ...]:
    return tuple(TaskRule((number - 1,) if number else (), one) for number, one in enumerate(options))


def test_it_is_made_again_and_then_the_task_begins_again() -> None:
    run = Run(chain(TaskOptions(), TaskOptions(max_retries=0)))
    run.succeed(0)
    run.cannot_read(1, 0)
    assert run.started == [0, 1, 0]
    assert run.machine.status_of(1) is TaskStatus.PENDING
    run.succeed(0)
    assert run.started == [0, 1, 0, 1]  # though it may be tried once only: it had not begun
    run.succeed(1)
    assert run.machine.status is WorkflowStatus.SUCCESSFUL


def test_who_is_at_work_with_the_old_one_goes_on_and_finds_the_new_one() -> None:
    rules = (*[TaskRule((0,) if number else (), TaskOptions()) for number in range(4)],)
    run = Run((*rules, TaskRule((1, 2, 3), TaskOptions())))
    run.succeed(0)
    run.cannot_read(1, 0)
    run.cannot_read(2, 0)  # while it is being made again: it waits for the same
    run.succeed(0)
    assert run.started == [0, 1, 2, 3, 0, 1, 2]
    run.cannot_read(3, 0)  # it had begun before: there is a new one by now
    assert run.started == [0, 1, 2, 3, 0, 1, 2, 3]
    run.cannot_read(3, 0)  # which is damaged too
    assert run.started[-1] == 0


def test_what_ended_with_an_old_input_and_is_damaged_too_waits_once_for_the_new_one() -> None:
    upstream = ((), (0,), (0,), (2,), (1, 3))
    run = Run(tuple(TaskRule(given, TaskOptions()) for given in upstream))
    run.succeed(0)
    run.cannot_read(1, 0)
    run.succeed(2)  # it had begun before
    run.cannot_read(3, 2)
    assert run.started == [0, 1, 2, 0, 3]
    run.succeed(0)
    assert sorted(run.started[5:]) == [1, 2]


def test_a_retry_waits_for_an_input_that_is_being_made_again() -> None:
    rules = (*[TaskRule((0,) if number else (), TaskOptions(retry_exceptions=True)) for number in range(3)],)
    run = Run((*rules, TaskRule((1, 2), TaskOptions())))
    run.succeed(0)
    run.cannot_read(1, 0)
    run.tell(Failed(1.0, 2, run.machine.live[2], died=False))
    assert run.started == [0, 1, 2, 0]
    run.succeed(0)
    assert run.started == [0, 1, 2, 0, 1, 2]


def test_an_attempt_that_is_over_already_has_nothing_made_again() -> None:
    run = Run(chain(TaskOptions(), TaskOptions()))
    run.succeed(0)
    late = Damaged(1.0, 1, run.machine.live[1], 0, run.rules, frozenset(run.stored))
    run.succeed(1)
    assert run.tell(late) == []
    assert run.machine.status is WorkflowStatus.SUCCESSFUL


def test_how_often() -> None:
    run = Run(chain(TaskOptions(max_retries=2), TaskOptions()))
    for _ in range(2):
        run.succeed(0)
        assert run.machine.is_made_again(0)
        run.cannot_read(1, 0)
    run.succeed(0)
    assert not run.machine.is_made_again(0)
    for most, may in (0, False), (1, True), (-1, True):
        resumed = Run(chain(TaskOptions(max_retries=most), TaskOptions()), frozenset({0}))
        assert resumed.machine.is_made_again(0) is may


@pytest.mark.parametrize("resumed", [False, True])
def test_an_exception_that_was_caught_is_raised_again(resumed: bool) -> None:
    catching = TaskRule((), TaskOptions(catch_exceptions=True))
    run = Run((catching, TaskRule((0,), TaskOptions())))
    run.go_on(0, chain(TaskOptions(), TaskOptions()))
    run.fail(2)
    if resumed:
        run.begin(resumed=True)
    run.cannot_read(1, 0)
    assert run.started[-2:] == [1, 2]  # not the one that returned them
    run.fail(2)
    run.succeed(1)
    assert run.machine.status is WorkflowStatus.SUCCESSFUL


def undying(rules: tuple[TaskRule, ...]) -> tuple[TaskRule, ...]:
    """Tasks that are tried again for ever if they die, and sleep never."""
    return tuple(
        replace(rule, options=replace(rule.options, max_retries=-1, retry_exceptions=False, sleep=None))
        for rule in rules
    )


@given(dags(most=5).map(undying), st.data())
def test_whatever_is_damaged_the_run_ends_well(rules: tuple[TaskRule, ...], data: st.DataObject) -> None:
    run, harm = Run(rules), 12
    while run.machine.status is WorkflowStatus.RUNNING:
        task = data.draw(st.sampled_from(sorted(run.machine.live)))
        upstream = {one for one in run.rules[task].upstream if run.rules[one].options.checkpoint is not False}
        may = ["resumed", "continued"] + ["damaged"] * bool(upstream)
        may += ["failed"] * (run.machine.catcher(task) is not None)
        happens = data.draw(st.sampled_from(["succeeded", *may])) if harm else "succeeded"
        harm -= happens != "succeeded"
        match happens:
            case "damaged":
                run.cannot_read(task, data.draw(st.sampled_from(sorted(upstream))))
            case "failed":
                run.fail(task)
            case "continued":
                run.go_on(task, data.draw(dags(most=3).map(undying)))
            case "resumed":
                run.begin(resumed=True)
            case _:
                run.succeed(task)
    assert run.machine.status is WorkflowStatus.SUCCESSFUL
