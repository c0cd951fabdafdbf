"""Stored outputs that turn out to be damaged: made again within the run, whatever else happens meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.graph.options import TaskOptions
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import Action, Checkpoint, Forget, Start
from heliograph.scheduling.events import Damaged, Event, Failed, Stored, Submitted, Succeeded, TaskRule
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine
from tests.pure.family import dags


class Run:
    """A run whose store keeps what is committed at once, unless that turns out to be damaged."""

    def __init__(self, rules: tuple[TaskRule, ...], stored: frozenset[int] = frozenset()) -> None:
        self.rules, self.stored = rules, set(stored)
        self.machine = Machine()
        self.started: list[int] = []
        self.tell(Submitted(0.0, rules, stored, resumed=bool(stored)))

    def tell(self, event: Event) -> list[Action]:
        actions = self.machine.handle(event)
        for action in actions:
            match action:
                case Start(task, _):
                    assert self.stored.issuperset(self.rules[task].upstream)
                    self.started.append(task)
                case Forget(task):
                    self.stored.remove(task)
                case Checkpoint(task, _, _):
                    self.stored.add(task)
        check(self.machine)
        for action in actions:
            if isinstance(action, Checkpoint):
                actions = actions + self.tell(Stored(1.0, action.task))
        return actions

    def succeed(self, task: int) -> None:
        self.tell(Succeeded(1.0, task, self.machine.live[task]))

    def cannot_read(self, task: int, source: int) -> None:
        attempt = self.machine.live[task]
        self.tell(Damaged(1.0, task, attempt, source, self.rules, frozenset(self.stored)))


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


@given(dags(most=8), st.data())
def test_whatever_is_damaged_the_run_ends_well(rules: tuple[TaskRule, ...], data: st.DataObject) -> None:
    rules = tuple(TaskRule(rule.upstream, TaskOptions(max_retries=-1)) for rule in rules)
    run, harm = Run(rules), 12
    while run.machine.status is WorkflowStatus.RUNNING:
        task = data.draw(st.sampled_from(sorted(run.machine.live)))
        upstream = sorted(set(rules[task].upstream))
        if harm and upstream and data.draw(st.booleans()):
            harm -= 1
            run.cannot_read(task, data.draw(st.sampled_from(upstream)))
        else:
            run.succeed(task)
    assert run.machine.status is WorkflowStatus.SUCCESSFUL
