"""The machine of a run against a model of a few lines, through all that may happen to a workflow.

`Life` is a workflow in its surroundings: a store that commits, workers that send receipts, a person who
cancels, a process that crashes between any two events. The machine is thrown away with each crash; what is
committed stays. The model (`wanted`, `is_tried_again` and the sets that `Life` keeps) says what must be under
way at any moment.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

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

from heliograph.graph.options import TaskOptions
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import Action, Checkpoint, Close, Finish, Mark, Release, Start, Stop
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
from heliograph.scheduling.transitions import IllegalMoveError, initial_status

OS_ERROR = ("some.NetworkError", "builtins.OSError", "builtins.Exception", "builtins.BaseException")
KEY_ERROR = ("builtins.KeyError", "builtins.Exception", "builtins.BaseException")


@st.composite
def dags(draw: st.DrawFn) -> tuple[TaskRule, ...]:
    options = st.builds(
        TaskOptions,
        max_retries=st.sampled_from([0, 1, 2, -1]),
        retry_exceptions=st.sampled_from([False, True, ("builtins.OSError",), ()]),
        catch_exceptions=st.sampled_from([False, False, True]),
        checkpoint=st.sampled_from([None, False]),
    )
    count = draw(st.integers(1, 8) | st.integers(4, 8))
    upstream = [
        draw(st.lists(st.integers(0, task - 1), unique=True, max_size=2)) if task else []
        for task in range(count)
    ]
    used = {task for needs in upstream for task in needs}
    for task in range(count - 1):  # a plan has only tasks that its output needs
        if task not in used and task not in upstream[-1]:
            upstream[-1].append(task)
    return tuple(TaskRule(tuple(needs), draw(options)) for needs in upstream)


def wanted(rules: tuple[TaskRule, ...], stored: frozenset[int]) -> set[int]:
    """The tasks that have to run: the output task, and all that one of them takes; but for stored ones."""
    found: set[int] = set()
    for task in reversed(range(len(rules))):
        is_output = task == len(rules) - 1
        if task not in stored and (is_output or any(task in rules[user].upstream for user in found)):
            found.add(task)
    return found


def is_tried_again(options: TaskOptions, tries: int, died: bool, lineage: tuple[str, ...]) -> bool:
    left = options.max_retries == -1 or tries <= options.max_retries
    kinds = options.retry_exceptions
    return left and (died or kinds is True or (kinds is not False and any(kind in lineage for kind in kinds)))


def state_of(machine: Machine) -> dict[str, Any]:
    """All that a machine remembers."""
    return {slot: copy.deepcopy(getattr(machine, slot)) for slot in Machine.__slots__}


class Life(RuleBasedStateMachine):
    """What happens to one workflow, in any order.

    Two kinds of memory. The store's: `rows`, `durable`, `numbers`; changed by a commit alone. And that of the
    process, which a crash takes: `machine` and all else.
    """

    @initialize(rules=dags())
    def submit(self, rules: tuple[TaskRule, ...]) -> None:
        self.rules = rules
        self.now = 0.0
        self.rows = [initial_status(rule.upstream) for rule in rules]
        self.durable: set[int] = set()  # tasks whose outputs are in the store
        self.numbers: dict[int, int] = {}  # attempts that are in the store
        self._begin(resumed=False)

    def _begin(self, resumed: bool) -> None:
        self.machine = Machine()
        self.lost = False
        self.seen = list(self.rows)  # rows as they will be with the next commit
        self.told = set(self.durable)  # tasks whose outputs dependents may read
        self.asked: list[Checkpoint] = []  # outputs in the next commit
        self.live: dict[int, int] = {}
        self.last: dict[int, int] = dict(self.numbers)
        self.noted: dict[int, int] = {}  # attempts in the next commit
        self.closed: set[tuple[int, int]] = set()
        self.tries: Counter[int] = Counter()
        self.released: set[int] = set()
        self.over: Finish | None = None
        self.expected = WorkflowStatus.RUNNING
        self.wanted = wanted(self.rules, frozenset(self.durable))
        if not self.wanted:
            self.expected = WorkflowStatus.SUCCESSFUL
        succeeded = {task for task, row in enumerate(self.rows) if row is TaskStatus.SUCCESSFUL}
        self._tell(
            Submitted(
                self._tick(),
                self.rules,
                stored=frozenset(self.durable),
                attempts=tuple(self.numbers.items()),
                resumed=resumed,
                unkept=frozenset(succeeded - self.durable),
            )
        )

    # -- what happens

    def _running(self) -> bool:
        return not self.lost and self.over is None

    def _has_live(self) -> bool:
        return self._running() and bool(self.live)

    @precondition(_has_live)
    @rule(data=st.data())
    def a_worker_begins(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(sorted(self.live)))
        before = self.seen[task]
        actions = self._tell(Started(self._tick(), task, self.live[task]))
        self.noted[task] = self.live[task]
        running = [Mark(task, TaskStatus.RUNNING)]
        assert actions == (running if before is TaskStatus.READY else [])

    @precondition(_has_live)
    @rule(data=st.data())
    def an_attempt_succeeds(self, data: st.DataObject) -> None:
        self._succeed(data.draw(st.sampled_from(sorted(self.live))))

    def _succeed(self, task: int) -> None:
        attempt = self.live.pop(task)
        if task == len(self.rules) - 1:
            self.expected = WorkflowStatus.SUCCESSFUL
        actions = self._tell(Succeeded(self._tick(), task, attempt))
        assert actions[0] == Close(task, attempt, AttemptStatus.SUCCESSFUL)
        assert isinstance(actions[1], Checkpoint)
        assert not actions[1].caught

    @precondition(_has_live)
    @rule(data=st.data(), died=st.booleans(), lineage=st.sampled_from([OS_ERROR, KEY_ERROR]))
    def an_attempt_fails(self, data: st.DataObject, died: bool, lineage: tuple[str, ...]) -> None:
        task = data.draw(st.sampled_from(sorted(self.live)))
        attempt, options = self.live.pop(task), self.rules[task].options
        again = is_tried_again(options, self.tries[task], died, () if died else lineage)
        others = dict(self.live)
        if not again and not options.catch_exceptions:
            self.expected = WorkflowStatus.FAILED
        elif not again and task == len(self.rules) - 1:
            self.expected = WorkflowStatus.SUCCESSFUL
        actions = self._tell(Failed(self._tick(), task, attempt, died, () if died else lineage))
        assert actions[0] == Close(task, attempt, AttemptStatus.FAILED)
        if again:
            assert actions[-1] == Start(task, attempt + 1)
        elif options.catch_exceptions:
            assert Checkpoint(task, options.checkpoint is not False, caught=True) in actions
        else:
            assert actions[-1] == Finish(WorkflowStatus.FAILED, task)
            assert [action for action in actions if isinstance(action, Stop)] == [
                Stop(other, number) for other, number in sorted(others.items())
            ]

    @precondition(lambda self: not self.lost)
    @rule()
    def the_store_commits(self) -> None:
        for task in self._commit():
            self._tell(Stored(self._tick(), task))

    @precondition(lambda self: not self.lost)
    @rule(told=st.integers(0, 3))
    def the_store_commits_and_the_process_dies(self, told: int) -> None:
        for task in self._commit()[:told]:
            self._tell(Stored(self._tick(), task))
        self.lost = True

    def _commit(self) -> list[int]:
        if self.expected is WorkflowStatus.CANCELED:
            return []  # the run is not this process's any more: nothing of it is written
        self.rows = list(self.seen)
        self.numbers |= self.noted
        self.durable |= {asked.task for asked in self.asked if asked.keep}
        asked, self.asked = [checkpoint.task for checkpoint in self.asked], []
        self.told |= set(asked)
        return asked

    @precondition(_has_live)
    @rule(rounds=st.integers(1, 3))
    def all_goes_well_for_a_while(self, rounds: int) -> None:
        for _ in range(rounds):
            for task in sorted(self.live):
                self._succeed(task)
            self.the_store_commits()

    @precondition(lambda self: not self.lost)
    @rule()
    def the_process_dies(self) -> None:
        self.lost = True

    @precondition(lambda self: not self.lost)
    @rule()
    def somebody_cancels(self) -> None:
        was_running = self._running()
        if was_running:
            self.expected = WorkflowStatus.CANCELED
        live = dict(self.live)
        actions = self._tell(Canceled(self._tick()))
        if was_running:
            assert actions[-1] == Finish(WorkflowStatus.CANCELED)
            stopped = [action for action in actions if isinstance(action, Stop)]
            assert stopped == [Stop(task, attempt) for task, attempt in sorted(live.items())]
            self.rows = [
                row if row in (TaskStatus.SUCCESSFUL, TaskStatus.FAILED) else TaskStatus.CANCELED
                for row in self.rows
            ]
        else:
            assert actions == []

    @precondition(lambda self: self.lost or self.over is not None)
    @rule()
    def it_is_resumed(self) -> None:
        self.rows = [row if row is TaskStatus.SUCCESSFUL else TaskStatus.PENDING for row in self.rows]
        self._begin(resumed=True)

    @precondition(lambda self: not self.lost and bool(self.closed))
    @rule(data=st.data(), died=st.booleans())
    def a_receipt_comes_late_or_twice(self, data: st.DataObject, died: bool) -> None:
        task, attempt = data.draw(st.sampled_from(sorted(self.closed)))
        before = state_of(self.machine)
        for event in (
            Succeeded(self._tick(), task, attempt),
            Failed(self._tick(), task, attempt, died, OS_ERROR),
            Started(self._tick(), task, attempt),
        ):
            assert self._tell(event) == []
        assert state_of(self.machine) == before

    @precondition(lambda self: not self.lost)
    @rule(data=st.data())
    def what_cannot_be_is_told(self, data: st.DataObject) -> None:
        waiting = {checkpoint.task for checkpoint in self.asked}
        tasks = [task for task in range(len(self.rules)) if task not in waiting]
        events: list[Event] = [Submitted(self._tick(), self.rules)]
        if tasks:
            events.append(Stored(self._tick(), data.draw(st.sampled_from(tasks))))
        for event in events:
            before = state_of(self.machine)
            with pytest.raises(IllegalMoveError):
                self.machine.handle(event)
            assert state_of(self.machine) == before

    # -- what the machine asks for

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    def _tell(self, event: Event) -> list[Action]:
        actions = self.machine.handle(event)
        for action in actions:
            assert self.over is None, f"{action} after the end"
            self._carry_out(action)
        return actions

    def _carry_out(self, action: Action) -> None:
        match action:
            case Start(task, attempt):
                assert set(self.rules[task].upstream) <= self.told, "started before its inputs are stored"
                assert task not in self.durable, "stored, and runs again"
                assert task not in self.told, "succeeded, and runs again"
                assert task not in self.live, "two live attempts"
                assert attempt > self.last.get(task, 0), "a number that was used already"
                assert self.seen[task] is TaskStatus.READY
                self.live[task] = self.last[task] = attempt
                self.tries[task] += 1
            case Stop(task, attempt):
                assert self.live.pop(task) == attempt
            case Mark(task, status):
                assert self.seen[task] is not status, "marked as what it is"
                self.seen[task] = status
            case Close(task, attempt):
                assert (task, attempt) not in self.closed, "closed twice"
                assert task not in self.live
                self.closed.add((task, attempt))
                self.noted[task] = attempt
            case Checkpoint(task, keep, _):
                assert task in {closed for closed, _ in self.closed}
                assert keep == (self.rules[task].options.checkpoint is not False)
                self.asked.append(action)
                self.seen[task] = TaskStatus.SUCCESSFUL
            case Release(task):
                assert task not in self.released, "released twice"
                self.released.add(task)
            case Finish():
                self.over = action

    # -- what always holds

    @invariant()
    def the_machine_makes_sense(self) -> None:
        check(self.machine)

    @invariant()
    def the_run_stands_as_the_model_says(self) -> None:
        if self.lost:
            return
        assert self.machine.status is self.expected
        assert (self.over is None) == (self.expected is WorkflowStatus.RUNNING)
        if self.over is not None:
            assert self.over.status is self.expected
            assert not self.live

    @invariant()
    def just_what_can_run_is_under_way(self) -> None:
        if self._running():
            can = {task for task in self.wanted if set(self.rules[task].upstream) <= self.told}
            assert set(self.live) | {checkpoint.task for checkpoint in self.asked} == can - self.told
        if not self.lost:
            assert self.machine.live == self.live

    @invariant()
    def rows_and_progress_agree_with_the_machine(self) -> None:
        if self.lost or self.expected is WorkflowStatus.CANCELED:
            return
        tasks = range(len(self.rules))
        assert self.seen == [self.machine.status_of(task) for task in tasks]
        assert self.machine.progress == Counter(self.seen)
        assert sum(self.machine.progress.values()) == len(self.rules)

    @invariant()
    def a_run_that_ended_well_says_that_all_its_tasks_did(self) -> None:
        if not self.lost and self.expected is WorkflowStatus.SUCCESSFUL:
            assert self.machine.progress == {TaskStatus.SUCCESSFUL: len(self.rules)}

    @invariant()
    def an_output_is_released_when_its_last_user_is_stored_and_not_before(self) -> None:
        users = {
            task: {user for user in self.wanted if task in self.rules[user].upstream}
            for task in range(len(self.rules))
        }
        done = {task for task, of_task in users.items() if of_task and of_task <= self.told}
        if self._running():
            assert self.released == done
        else:  # at its end a run lets go of all outputs anyway
            assert self.released <= done

    def teardown(self) -> None:
        """Let it go on to its end, with nothing in its way any more."""
        if not hasattr(self, "rules"):
            return
        if self.lost:
            self.it_is_resumed()
        while self.over is None:
            assert self.live or self.asked, "stuck"
            for task in sorted(self.live):
                self._succeed(task)
                self.the_machine_makes_sense()
            if self.over is None:
                self.the_store_commits()
            self.just_what_can_run_is_under_way()
            self.an_output_is_released_when_its_last_user_is_stored_and_not_before()
        self.the_run_stands_as_the_model_says()


def test_through_all_that_may_happen_the_machine_does_what_the_model_says() -> None:
    run_state_machine_as_test(Life, settings=settings(max_examples=250, stateful_step_count=30))


SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "one": ((),),
    "chain": ((), (0,), (1,), (2,)),
    "fan-out and in": ((), (0,), (0,), (0,), (1, 2, 3)),
    "two diamonds": ((), (0,), (0,), (1, 2), (3,), (3,), (4, 5)),
    "long and short way": ((), (0,), (1,), (0, 2)),
}


@pytest.mark.parametrize("unkept", [None, 0, 1], ids=["all kept", "first not kept", "second not kept"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_crash_after_any_event_loses_nothing_that_was_stored(
    shape: tuple[tuple[int, ...], ...], unkept: int | None
) -> None:
    rules = tuple(
        TaskRule(upstream, TaskOptions(checkpoint=False if task == unkept else None))
        for task, upstream in enumerate(shape)
    )
    events = life_in_order(rules, frozenset(), {}, until=None)[0]
    for moment in range(events + 1):
        _, stored, attempts = life_in_order(rules, frozenset(), {}, until=moment)
        _, after, attempts_after = life_in_order(rules, stored, attempts, until=None)
        assert len(rules) - 1 in after or unkept == len(rules) - 1
        for task in stored:
            assert attempts_after.get(task, 0) == attempts.get(task, 0), "a stored task ran again"


def life_in_order(
    rules: tuple[TaskRule, ...], stored: frozenset[int], attempts: dict[int, int], until: int | None
) -> tuple[int, frozenset[int], dict[int, int]]:
    """Run until the end or so many events: how many there were, and what is in the store then."""
    machine, durable, started = Machine(), set(stored), dict(attempts)
    resumed = bool(stored or attempts)
    events: list[Event] = [Submitted(0.0, rules, stored, tuple(attempts.items()), resumed)]
    count = 0
    while events and count != until:
        event = events.pop(0)
        count += 1
        for action in machine.handle(event):
            if isinstance(action, Start):
                started[action.task] = action.attempt
                events.append(Succeeded(float(count), action.task, action.attempt))
            elif isinstance(action, Checkpoint):
                if action.keep:
                    durable.add(action.task)
                events.append(Stored(float(count), action.task))
        check(machine)
    if until is None:
        assert machine.status is WorkflowStatus.SUCCESSFUL
    return count, frozenset(durable), started
