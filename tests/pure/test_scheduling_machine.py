"""The machine of a run against a model of a few lines, through all that may happen to a workflow.

`Life` is a workflow in its surroundings: a store that commits, workers that send receipts, a clock, a person
who cancels, a process that crashes between any two events. The machine is thrown away with each crash; what
is committed stays. The model (`Family`, `is_tried_again` and the sets that `Life` keeps) says what must be
under way at any moment. It knows nothing of frames and tail calls: only who returned which tasks.
"""

from __future__ import annotations

from collections import Counter

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
from heliograph.records.status import TASK_OVER, AttemptStatus, TaskStatus, WorkflowStatus
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
    Event,
    Expanded,
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
from tests.pure.family import KEY_ERROR, OS_ERROR, Family, dags, delay_after, is_tried_again, state_of

MOST = 24  # tasks, beyond which nobody returns a continuation any more


class Life(RuleBasedStateMachine):
    """What happens to one workflow, in any order.

    Two kinds of memory. The store's: `book`, `rows`, `durable`, `numbers`, `alarms`; changed by a commit
    alone. And that of the process, which a crash takes: `machine` and all else.
    """

    @initialize(tasks=dags(most=8))
    def it_is_submitted(self, tasks: tuple[TaskRule, ...]) -> None:
        self.now = 0.0
        self.book = Family(tasks)  # the tasks that are in the store
        self.rows = [initial_status(rule.upstream) for rule in tasks]
        self.durable: set[int] = set()  # tasks whose outputs are in the store
        self.numbers: dict[int, int] = {}  # attempts that are in the store
        self.alarms: dict[int, float] = {}  # when sleeps end, as the store has it
        self._begin(resumed=False)

    def _begin(self, resumed: bool) -> None:
        self.machine = Machine()
        self.lost = False
        self.family = self.book.copy()
        self.seen = list(self.rows)  # rows as they will be with the next commit
        self.told = set(self.durable)  # tasks whose outputs dependents may read
        self.asked: list[Checkpoint] = []  # outputs in the next commit
        self.unwritten: set[int] = set()  # tasks of continuations that `Expanded` has not named yet
        self.awaiting: list[Checkpoint | Expand] = []  # what is told after the next commit, in order
        self.ended: set[int] = set()  # what somebody ended who caught an exception
        self.live: dict[int, int] = {}
        self.asleep: dict[int, int] = {}  # sleeps under way: task to attempt
        self.delayed: set[int] = set()  # tasks that wait for their next attempt
        self.at: dict[int, float] = {}  # when each of these is due
        self.set_alarms: dict[int, float] = {}  # in the next commit
        self.last: dict[int, int] = dict(self.numbers)
        self.noted: dict[int, int] = {}  # attempts in the next commit
        self.closed: set[tuple[int, int]] = set()
        self.tries: Counter[int] = Counter()
        self.released: set[int] = set()
        self.held: set[int] = set()  # tasks that were in memory at any time
        self.resumed_frames = set(self.book.returned) if resumed else set()
        self.over: Finish | None = None
        self.expected = WorkflowStatus.RUNNING if self._needed() else WorkflowStatus.SUCCESSFUL
        done = {task for task, row in enumerate(self.rows) if row is TaskStatus.SUCCESSFUL}
        # In a continuation; who watches is told of these anew.
        self.failed = {task for task, row in enumerate(self.rows) if row is TaskStatus.FAILED}
        submitted = Submitted(
            self._tick(),
            self.family.stored_rules(),
            frozenset(self.durable),
            tuple(self.numbers.items()),
            resumed,
            unkept=frozenset(done - self.durable),
            output=self.family.output,
            due=tuple(self.alarms.items()),
            failed=frozenset(self.failed),
        )
        self._tell(submitted)

    # -- the model

    def _needed(self) -> set[int]:
        given = self.told | {checkpoint.task for checkpoint in self.asked}
        return self.family.needed(given)

    def _under_way(self) -> set[int]:
        """What must be: all that the output needs, whose inputs are stored, and which is itself stored."""
        return {
            task
            for task in self._needed() - set(self.family.returned) - self.unwritten
            if set(self.family.rules[task].upstream) <= self.told
        }

    def _running(self) -> bool:
        return not self.lost and self.over is None

    def _has_live(self) -> bool:
        return self._running() and bool(self.live)

    # -- what happens

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
        self._deliver(task, Succeeded(self._tick(), task, attempt), attempt)

    def _deliver(self, task: int, event: Event, attempt: int) -> None:
        receiver = self.family.receiver(task)
        if receiver == self.family.output:
            self.expected = WorkflowStatus.SUCCESSFUL
        actions = self._tell(event)
        assert actions[0] == Close(task, attempt, AttemptStatus.SUCCESSFUL)
        assert [action for action in actions if isinstance(action, Checkpoint)] == [
            Checkpoint(receiver, self.family.keeps(receiver), caught=False)
        ]

    @precondition(lambda self: self._has_live() and len(self.family.rules) < MOST)
    @rule(data=st.data(), tasks=dags(most=3), newest=st.booleans(), stored=st.booleans())
    def an_attempt_continues(
        self, data: st.DataObject, tasks: tuple[TaskRule, ...], newest: bool, stored: bool
    ) -> None:
        task = max(self.live) if newest else data.draw(st.sampled_from(sorted(self.live)))
        self._continue(task, tasks)
        if stored:
            self.the_store_commits()

    def _continue(self, task: int, tasks: tuple[TaskRule, ...]) -> None:
        attempt, first = self.live.pop(task), len(self.family.rules)
        tail = self.family.is_tail(task)
        tasks = self.family.inherited(task, tasks)
        self.family.add(task, tasks)
        self.seen += [initial_status(rule.upstream) for rule in tasks]
        self.unwritten |= set(range(first, first + len(tasks)))
        actions = self._tell(Continued(self._tick(), task, attempt, tasks))
        assert actions[0] == Close(task, attempt, AttemptStatus.SUCCESSFUL)
        assert actions[1] == Mark(task, TaskStatus.SUCCESSFUL if tail else TaskStatus.WAITING)
        assert actions[-1] == Expand(task, self.family.frame(first), first)

    @precondition(_has_live)
    @rule(
        data=st.data(),
        died=st.booleans(),
        lineage=st.sampled_from([OS_ERROR, KEY_ERROR]),
        jitter=st.sampled_from([0.0, 0.5, 1.0]),
    )
    def an_attempt_fails(
        self, data: st.DataObject, died: bool, lineage: tuple[str, ...], jitter: float
    ) -> None:
        task = data.draw(st.sampled_from(sorted(self.live)))
        attempt, options = self.live.pop(task), self.family.rules[task].options
        kinds = () if died else lineage
        again = is_tried_again(options, self.tries[task], died, kinds)
        catcher = None if again else self.family.catcher(task)
        within = set() if catcher is None else self.family.within(catcher) - self.ended
        going = self._needed() & within
        if catcher is not None:
            receiver = self.family.receiver(catcher)
            self.ended |= within
            if receiver == self.family.output:
                self.expected = WorkflowStatus.SUCCESSFUL
        elif not again:
            self.expected = WorkflowStatus.FAILED
        live, asleep = set(self.live), set(self.asleep)
        actions = self._tell(Failed(self._tick(), task, attempt, died, kinds, jitter))
        assert actions[0] == Close(task, attempt, AttemptStatus.FAILED)
        stops = {action.task: action.attempt for action in actions if isinstance(action, Stop)}
        if again:
            assert not stops
            if options.retry_delay:
                delay = delay_after(options, self.tries[task], jitter)
                assert actions[-1] == Wake(task, self.now + delay, lasting=False)
            else:
                assert actions[-1] == Start(task, attempt + 1)
            return
        stopped = live if catcher is None else live & within
        assert set(stops) == stopped, "stopped others than it had to"
        assert set(self.live) == live - stopped
        assert set(self.asleep) == (set() if catcher is None else asleep - within)
        if catcher is None:
            assert actions[-1] == Finish(WorkflowStatus.FAILED, task)
            open_ends = {TaskStatus.READY, TaskStatus.RUNNING, TaskStatus.WAITING}
            assert not open_ends & set(self.seen), "the run is over, and a task goes on"
        else:
            assert Checkpoint(receiver, self.family.keeps(receiver), caught=True) in actions
            assert all(self.seen[inner] in TASK_OVER for inner in going), "somebody caught, a task goes on"

    @precondition(lambda self: self._running() and bool(self.at))
    @rule(data=st.data())
    def time_passes(self, data: st.DataObject) -> None:
        self._ring(data.draw(st.sampled_from(sorted(self.at))))

    def _ring(self, task: int) -> None:
        self.now = max(self.now, self.at.pop(task))
        if task in self.asleep:
            attempt = self.asleep.pop(task)
            self._deliver(task, Due(self.now, task), attempt)
        else:
            self.delayed.remove(task)
            attempt = self.last[task] + 1
            assert self._tell(Due(self.now, task)) == [Mark(task, TaskStatus.READY), Start(task, attempt)]

    @precondition(lambda self: not self.lost)
    @rule(data=st.data())
    def time_has_come_for_what_does_not_wait(self, data: st.DataObject) -> None:
        others = [task for task in range(len(self.family.rules)) if task not in self.at]
        if others:
            before = state_of(self.machine)
            assert self._tell(Due(self._tick(), data.draw(st.sampled_from(others)))) == []
            assert state_of(self.machine) == before

    @precondition(lambda self: not self.lost)
    @rule()
    def the_store_commits(self) -> None:
        self._say(self._commit())

    @precondition(lambda self: not self.lost)
    @rule(told=st.none() | st.integers(0, 3))
    def the_process_dies(self, told: int | None) -> None:
        if told is not None:  # just after a commit, and not all of that is told
            self._say(self._commit()[:told])
        self.lost = True

    def _commit(self) -> list[Checkpoint | Expand]:
        if self.expected is WorkflowStatus.CANCELED:
            return []  # the run is not this process's any more: nothing of it is written
        self.book = self.family.copy()
        self.rows = list(self.seen)
        self.numbers |= self.noted
        self.alarms |= self.set_alarms
        self.durable |= {asked.task for asked in self.asked if asked.keep}
        committed, self.awaiting = self.awaiting, []
        return committed

    def _say(self, committed: list[Checkpoint | Expand]) -> None:
        for action in committed:
            if isinstance(action, Expand):
                count = self.family.count(action.creator)
                self.unwritten -= set(range(action.first, action.first + count))
                self._tell(Expanded(self._tick(), action.first, count))
            else:
                self.asked.remove(action)
                self.told.add(action.task)
                self._tell(Stored(self._tick(), action.task))

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
            self.rows = [row if row in TASK_OVER else TaskStatus.CANCELED for row in self.rows]
        else:
            assert actions == []

    @precondition(lambda self: self.lost or self.over is not None)
    @rule()
    def it_is_resumed(self) -> None:
        rules = self.book.stored_rules()
        self.rows = [
            row
            if row is TaskStatus.SUCCESSFUL or (row is TaskStatus.FAILED and rule.frame is not None)
            else TaskStatus.PENDING
            for row, rule in zip(self.rows, rules, strict=True)
        ]
        self._begin(resumed=True)

    @precondition(lambda self: not self.lost and bool(self.closed))
    @rule(data=st.data(), died=st.booleans())
    def a_receipt_comes_late_or_twice(self, data: st.DataObject, died: bool) -> None:
        task, attempt = data.draw(st.sampled_from(sorted(self.closed)))
        before = state_of(self.machine)
        for event in (
            Succeeded(self._tick(), task, attempt),
            Continued(self._tick(), task, attempt, (TaskRule((), TaskOptions()),)),
            Failed(self._tick(), task, attempt, died, OS_ERROR),
            Started(self._tick(), task, attempt),
        ):
            assert self._tell(event) == []
        assert state_of(self.machine) == before

    @precondition(lambda self: not self.lost)
    @rule(data=st.data())
    def what_cannot_be_is_told(self, data: st.DataObject) -> None:
        waiting = {checkpoint.task for checkpoint in self.asked}
        tasks = [task for task in range(len(self.family.rules)) if task not in waiting]
        events: list[Event] = [Submitted(self._tick(), self.family.rules)]
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
        self.held |= set(self.machine.states)
        return actions

    def _carry_out(self, action: Action) -> None:
        match action:
            case Start(task, attempt):
                self._check_begin(task, attempt)
                assert self.family.rules[task].options.sleep is None, "a sleep has no worker"
                assert self.seen[task] is TaskStatus.READY
                self.live[task] = self.last[task] = attempt
                self.tries[task] += 1
            case Wake(task, at, lasting):
                seconds = self.family.rules[task].options.sleep
                assert self.seen[task] is TaskStatus.WAITING
                assert lasting == (seconds is not None)
                if seconds is None:
                    assert task not in self.live
                    self.delayed.add(task)
                else:
                    attempt = self.machine.live[task]
                    self._check_begin(task, attempt)
                    assert at == self.alarms.get(task, self.now + seconds), "it sleeps longer than it was to"
                    self.asleep[task] = self.last[task] = attempt
                    self.set_alarms[task] = at
                self.at[task] = at
            case Stop(task, attempt):
                assert self.live[task] == attempt
            case Mark(task, status):
                assert self.seen[task] is not status or task in self.failed, "marked as what it is"
                self.failed.discard(task)
                self.seen[task] = status
                if status is TaskStatus.CANCELED and task in self.delayed:
                    self.delayed.remove(task)
                    del self.at[task]
            case Close(task, attempt, status):
                assert (task, attempt) not in self.closed, "closed twice"
                if status is AttemptStatus.CANCELED:
                    sleeps = self.at.pop(task, None) is not None
                    assert (self.asleep if sleeps else self.live).pop(task) == attempt
                assert task not in self.live
                self.closed.add((task, attempt))
                self.noted[task] = attempt
            case Checkpoint(task, keep, _):
                assert keep == self.family.keeps(task)
                assert task not in self.told, "stored twice"
                self.asked.append(action)
                self.awaiting.append(action)
                self.seen[task] = TaskStatus.SUCCESSFUL
            case Expand():
                self.awaiting.append(action)
            case Release(task):
                assert task not in self.released, "released twice"
                self.released.add(task)
            case Finish():
                self.over = action

    def _check_begin(self, task: int, attempt: int) -> None:
        assert set(self.family.rules[task].upstream) <= self.told, "started before its inputs are stored"
        assert task not in self.unwritten, "started before it is stored itself"
        assert task not in self.durable, "stored, and runs again"
        assert task not in self.told, "succeeded, and runs again"
        assert task not in self.live, "two live attempts"
        assert task not in self.ended, "somebody caught what ended it, and it runs again"
        assert attempt > self.last.get(task, 0), "a number that was used already"

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
            assert set(self.live) | set(self.asleep) | self.delayed == self._under_way()
            frames = self._needed() & set(self.family.returned)
            waiting = {task for task, status in enumerate(self.seen) if status is TaskStatus.WAITING}
            tails = {task for task in frames if self.family.is_tail(task)}
            assert waiting == (frames - tails) | set(self.asleep) | self.delayed
            assert set(self.machine.delegates) == frames - tails
        if not self.lost:
            assert self.machine.live == self.live | self.asleep

    @invariant()
    def rows_and_progress_agree_with_the_machine(self) -> None:
        if self.lost or self.expected is WorkflowStatus.CANCELED:
            return
        tasks = range(len(self.family.rules))
        assert self.seen == [self.machine.status_of(task) for task in tasks]
        assert self.machine.progress == Counter(self.seen)
        assert sum(self.machine.progress.values()) == len(tasks)

    @invariant()
    def an_output_is_released_when_its_last_user_is_stored_and_not_before(self) -> None:
        if self.lost:
            return
        in_memory = set(self.machine.states)
        assert self.released == self.held - in_memory
        if self._running():
            asked = {checkpoint.task for checkpoint in self.asked}
            needed = {task for task in self._needed() if not self.family.is_done_tail(task)}
            using = needed | (asked - self.ended)
            inputs = {
                upstream
                for task in using - self.resumed_frames
                for upstream in self.family.rules[task].upstream
            }
            assert in_memory == using | inputs

    def teardown(self) -> None:
        """Let it go on to its end, with nothing in its way any more."""
        if not hasattr(self, "rows"):
            return
        if self.lost:
            self.it_is_resumed()
        while self.over is None:
            assert self.live or self.awaiting or self.at, "stuck"
            for task in sorted(self.live):
                self._succeed(task)
                self.the_machine_makes_sense()
            for task in sorted(self.at):
                self._ring(task)
                self.the_machine_makes_sense()
            if self.over is None:
                self.the_store_commits()
            self.just_what_can_run_is_under_way()
            self.an_output_is_released_when_its_last_user_is_stored_and_not_before()
        self.the_run_stands_as_the_model_says()


def test_through_all_that_may_happen_the_machine_does_what_the_model_says() -> None:
    run_state_machine_as_test(Life, settings=settings(max_examples=300, stateful_step_count=50))
