"""The machine of one run.

Theory of operation. A task is PENDING until the outputs of all its upstream tasks are committed; then it is
READY and an attempt is started. When an attempt succeeds, the machine asks for a checkpoint and waits: only
the event `Stored` says that it is committed, and only then do dependents become READY. When an attempt fails,
it is retried, or caught, or it fails the run; a failed run stops what runs and starts nothing more. The run
ends with its output task.

Continuations. An attempt may return a DAG instead of an output. Its task then is a frame: it waits while the
DAG's tasks run, and the output of their last one, the delegate, becomes its own. A delegate that returns a
DAG in turn is done with that: the new DAG's last task takes its place in the same frame, so a loop of
continuations has one frame, however long it is. Only a delegate that catches exceptions becomes a frame
itself, since the exceptions of its continuation are its to catch; unless its frame catches them just so. A
failure goes up from frame to frame to the first that catches it, which ends all tasks within that frame.

A resume is the same machine told `Submitted` with what is stored. It goes back from the output task and wakes
only tasks whose outputs are needed and not stored; for a frame, its delegate. A task that succeeded without a
checkpoint stays as it is where nobody needs its output any more.

A stored output may turn out to be damaged when a task is to take it. Then its task is woken, as by a resume,
with what it needs itself. A task that needs it, and is not at work already, waits for it as at first.

What is over leaves memory: all that is kept of a task then are its status and a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from heliograph.records.status import TASK_OVER, AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.scheduling.actions import (
    Action,
    Checkpoint,
    Close,
    Expand,
    Finish,
    Forget,
    Mark,
    Release,
    Start,
    Stop,
    Wake,
)
from heliograph.scheduling.events import (
    Canceled,
    Continued,
    Damaged,
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
from heliograph.scheduling.needs import Needs, is_within, needs
from heliograph.scheduling.retry import backoff, is_retried
from heliograph.scheduling.run_state import RunState
from heliograph.scheduling.transitions import TASK_MOVES, IllegalMoveError, initial_status

Do = Callable[[Action], None]
"""Takes what is to be done, in order."""


class Machine(RunState):
    """The state of one run, moved only by `handle`.

    >>> from heliograph.graph.options import TaskOptions
    >>> chain = (TaskRule((), TaskOptions()), TaskRule((0,), TaskOptions()))
    >>> machine = Machine()
    >>> machine.handle(Submitted(0.0, chain))
    [Start(task=0, attempt=1)]
    >>> [type(action).__name__ for action in machine.handle(Succeeded(1.0, 0, 1))]
    ['Close', 'Checkpoint']
    >>> machine.handle(Stored(2.0, 0))
    [Mark(task=1, status=<TaskStatus.READY: 'READY'>), Start(task=1, attempt=1)]
    """

    __slots__ = ()

    def handle(self, event: Event) -> list[Action]:
        """Take an event in; what it asks for comes out.

        Events about attempts that are over, or of a run that is, ask for nothing: a receipt and a
        cancellation may cross.

        Raises:
            IllegalMoveError: the event can't follow what was told before; the state is unchanged.
        """
        actions: list[Action] = []
        _HANDLERS[type(event)](self, event, actions.append)
        return actions

    # -- the handlers, one an event

    def _submitted(self, event: Submitted, do: Do) -> None:
        if self.status is not WorkflowStatus.PENDING:
            raise IllegalMoveError(f"submitted, and the run is {self.status} already")
        self.status = WorkflowStatus.RUNNING
        self._output = len(event.tasks) - 1 if event.output is None else event.output
        if event.resumed:  # what rows say after a claim
            self._status = [TaskStatus.PENDING] * len(event.tasks)
        else:
            self._status = [initial_status(rule.upstream) for rule in event.tasks]
        for task in event.failed:
            self._status[task] = TaskStatus.FAILED
        for task in event.stored | event.unkept:
            self._status[task] = TaskStatus.SUCCESSFUL
        for status in self._status:
            self._counts[status] = self._counts.get(status, 0) + 1
        self._states.make_room(len(self._status))
        wanted = needs(event.tasks, self._output, event.stored, event.unkept)
        for task in wanted.ended:
            if task in event.failed:
                do(Mark(task, TaskStatus.FAILED))  # for those who watch: to them, all begins anew with a run
            else:
                do(self._move(task, TaskStatus.CANCELED))
        self._wake(wanted, event, do)
        if not wanted.tasks:
            do(self._finish(WorkflowStatus.SUCCESSFUL))

    def _started(self, event: Started, do: Do) -> None:
        if self._live.get(event.task) == event.attempt and self._status[event.task] is TaskStatus.READY:
            do(self._move(event.task, TaskStatus.RUNNING))

    def _succeeded(self, event: Succeeded, do: Do) -> None:
        if self._end(event.task, event.attempt):
            do(Close(event.task, event.attempt, AttemptStatus.SUCCESSFUL))
            self._deliver(event.task, do, caught=False)

    def _continued(self, event: Continued, do: Do) -> None:
        task = event.task
        if not self._end(task, event.attempt):
            return
        do(Close(task, event.attempt, AttemptStatus.SUCCESSFUL))
        rule, first = self._states.rules[task], len(self._status)
        outer = rule.delivers_to
        if outer is None or (rule.options.catch_exceptions and self.catcher(outer) != outer):
            frame = task
            do(self._move(task, TaskStatus.WAITING))
        else:  # a tail call: the frame it would deliver to waits for the new tasks instead
            frame = outer
            do(self._move(task, TaskStatus.SUCCESSFUL))
            self._let_go(task, do)
        last = first + len(event.tasks) - 1
        self._delegates[frame] = last
        self._states.make_room(last + 1)
        for number, new in enumerate(event.tasks, first):
            upstream = tuple([first + place for place in new.upstream])
            delivers_to = frame if number == last else None
            self._states.hold(number, TaskRule(upstream, new.options, frame, delivers_to))
            status = initial_status(upstream)
            self._status.append(status)
            self._counts[status] = self._counts.get(status, 0) + 1
        self._link(range(first, last + 1))
        do(Expand(task, frame, first))

    def _expanded(self, event: Expanded, do: Do) -> None:
        if self.status is not WorkflowStatus.RUNNING:
            return
        # Tasks whose frame ended meanwhile are gone.
        for task in range(event.first, event.first + event.count):
            if task in self._states.rules and not self._states.missing[task]:
                self._begin(task, event.now, do)

    def _failed(self, event: Failed, do: Do) -> None:
        task = event.task
        if not self._end(task, event.attempt):
            return
        do(Close(task, event.attempt, AttemptStatus.FAILED))
        options = self._states.rules[task].options
        if is_retried(options, self._states.tries[task], event.died, event.lineage):
            self._retry(task, event, do)
            return
        catcher = self.catcher(task)
        if catcher == task:
            self._deliver(task, do, caught=True)
            return
        do(self._move(task, TaskStatus.FAILED))
        if catcher is None:
            self._stop(self._live, do)
            for other in self._states.rules:  # what waits; or is READY, and its continuation not committed
                if self._status[other] in (TaskStatus.WAITING, TaskStatus.READY):
                    do(self._move(other, TaskStatus.CANCELED))
            do(self._finish(WorkflowStatus.FAILED, task))
        else:
            self._end_within(catcher, do)
            self._deliver(catcher, do, caught=True)

    def _damaged(self, event: Damaged, do: Do) -> None:
        task, source = event.task, event.source
        if not self._end(task, event.attempt):
            return
        self._states.tries[task] -= 1  # it is no fault of its own
        do(Close(task, event.attempt, AttemptStatus.FAILED))
        # Else another one found that out before; or the attempt had the old one, and there is a new one.
        if self.is_stored(source) and source not in self._remade[self._states.seen.get(task, 0) :]:
            do(self._reset(task))
            self._make_again(event, do)
        else:
            self._again(task, do)

    def _make_again(self, event: Damaged, do: Do) -> None:
        source = event.source
        self._remade.append(source)
        do(Forget(source))
        self._wait_no_more(source)  # it ended with what it had; now it needs its inputs anew
        waiting: list[int] = []
        for user, rule in self._states.rules.items():
            if not self.is_stored(user) and (count := rule.upstream.count(source)):
                self._states.missing[user] += count
                waiting += [user] * count
        self._wait_for(source, waiting)
        there = event.stored.union(self._states.rules) - {source}
        self._wake(needs(event.tasks, source, there), event, do)

    def _task_stored(self, event: Stored, do: Do) -> None:
        task = event.task
        if task not in self._asked:
            raise IllegalMoveError(f"task {task} is {self._status[task]}: it can't be stored now")
        self._asked.remove(task)
        rules, missing = self._states.rules, self._states.missing
        # Else its frame or its run ended meanwhile.
        if task not in rules or self.status is not WorkflowStatus.RUNNING:
            return
        ready = []
        for dependent in self._states.dependents.pop(task, ()):
            if dependent in rules:  # else its frame ended
                missing[dependent] -= 1
                # One that had begun before its input turned out to be damaged is at work already.
                if not missing[dependent] and self._status[dependent] is TaskStatus.PENDING:
                    ready.append(dependent)
        for dependent in ready:
            self._make_ready(dependent, do)
            self._begin(dependent, event.now, do)
        self._let_go(task, do)

    def _due(self, event: Due, do: Do) -> None:
        task = event.task
        if self.status is not WorkflowStatus.RUNNING or self._status[task] is not TaskStatus.WAITING:
            return
        if task in self._delegates:  # it waits for that, and no more for a time
            return
        attempts = self._states.attempts[task]
        if self._states.rules[task].options.sleep is None:  # the delay before another attempt
            self._again(task, do)
        elif self._end(task, attempts):
            do(Close(task, attempts, AttemptStatus.SUCCESSFUL))
            self._deliver(task, do, caught=False)

    def _canceled(self, _event: Canceled, do: Do) -> None:
        if self.status not in (WorkflowStatus.RUNNING, WorkflowStatus.PENDING):
            return
        self._stop(self._live, do)
        for task, status in enumerate(self._status):
            if status not in TASK_OVER:
                self._set(task, TaskStatus.CANCELED)  # stored so with the cancellation
        do(self._finish(WorkflowStatus.CANCELED))

    # -- what the handlers have in common

    def _wake(self, wanted: Needs, event: Submitted | Damaged, do: Do) -> None:
        """Wake tasks whose outputs are needed and not there."""
        self._delegates |= wanted.delegates
        attempts, due, states = dict(event.attempts), dict(event.due), self._states
        for task in wanted.tasks:
            rule = event.tasks[task]
            if task in wanted.delegates:  # a frame: it has had its inputs, and waits for its delegate now
                rule = replace(rule, upstream=())
            if task in states.rules:  # its output was damaged
                states.rules[task] = rule
            else:
                states.hold(task, rule)
            states.attempts[task] = max(states.attempts[task], attempts.get(task, 0))
            if task in due:
                states.due[task] = due[task]
            else:
                states.due.pop(task, None)
            if self._status[task] in TASK_OVER:  # it has to run again: its output, or one it led to, is gone
                do(self._reset(task))
            for upstream in rule.upstream:
                if upstream not in states.rules:
                    states.hold(upstream, event.tasks[upstream])
        self._link(wanted.tasks)
        for frame in wanted.delegates:
            do(self._move(frame, TaskStatus.WAITING))
        ready = [task for task in wanted.tasks if not states.missing[task] and task not in wanted.delegates]
        for task in ready:
            self._make_ready(task, do)
        for task in ready:
            self._begin(task, event.now, do)

    def _link(self, tasks: Iterable[int]) -> None:
        """Tasks take the outputs of their upstream tasks; for those that are not there they wait."""
        rules, users, missing = self._states.rules, self._states.users, self._states.missing
        sources: list[int] = []
        waiting: list[int] = []
        for task in tasks:
            for upstream in rules[task].upstream:
                users[upstream] += 1
                if not self.is_stored(upstream):
                    missing[task] += 1
                    sources.append(upstream)
                    waiting.append(task)
        if sources:
            places = sorted(range(len(sources)), key=sources.__getitem__)  # numbers, not pairs
            for source, its in groupby(places, sources.__getitem__):
                self._wait_for(source, map(waiting.__getitem__, its))

    def _wait_for(self, source: int, tasks: Iterable[int]) -> None:
        dependents = self._states.dependents
        dependents[source] = (*dependents.get(source, ()), *tasks)

    def _wait_no_more(self, task: int) -> None:
        """It waits for none of its upstream tasks any more."""
        states = self._states
        if states.missing[task]:
            states.missing[task] = 0
            for source in states.rules[task].upstream:
                left = tuple(other for other in states.dependents.pop(source, ()) if other != task)
                if left:
                    states.dependents[source] = left

    def _make_ready(self, task: int, do: Do) -> None:
        if self._status[task] is not TaskStatus.READY:  # a plan's first tasks are stored as READY
            do(self._move(task, TaskStatus.READY))

    def _begin(self, task: int, now: float, do: Do) -> None:
        """Start a ready task, or put it to sleep if that is what it is for."""
        seconds = self._states.rules[task].options.sleep
        if seconds is None:
            do(self._start(task))
            return
        due = self._states.due.setdefault(task, now + seconds)
        self._states.attempts[task] += 1
        self._live[task] = self._states.attempts[task]
        do(self._move(task, TaskStatus.WAITING))
        do(Wake(task, due, lasting=True))

    def _start(self, task: int) -> Start:
        states = self._states
        attempt = self._live[task] = states.attempts[task] = states.attempts[task] + 1
        states.tries[task] += 1
        if self._remade:
            states.seen[task] = len(self._remade)
        return Start(task, attempt)

    def _retry(self, task: int, event: Failed, do: Do) -> None:
        delay = backoff(self._states.rules[task].options, self._states.tries[task], event.jitter)
        if delay:
            do(self._move(task, TaskStatus.WAITING))
            do(Wake(task, event.now + delay))
            return
        self._again(task, do)

    def _again(self, task: int, do: Do) -> None:
        if self._states.missing[task]:  # an input was damaged, and is being made again
            do(self._reset(task))
            return
        self._make_ready(task, do)
        do(self._start(task))

    def _end(self, task: int, attempt: int) -> bool:
        """Whether the attempt was live; it is not any more."""
        if self._live.get(task) != attempt:
            return False
        del self._live[task]
        return True

    def _deliver(self, task: int, do: Do, caught: bool) -> None:
        """The task has an output: it is that of the frame it stands for, and of the one around that."""
        while (frame := self._states.rules[task].delivers_to) is not None:
            do(self._move(task, TaskStatus.SUCCESSFUL))
            self._let_go(task, do)
            del self._delegates[frame]
            task = frame
        self._set(task, TaskStatus.SUCCESSFUL)
        self._asked.add(task)
        do(Checkpoint(task, self.keeps(task), caught))
        if task == self._output:
            do(self._finish(WorkflowStatus.SUCCESSFUL))

    def _let_go(self, task: int, do: Do) -> None:
        """A task is over: what it took is needed once less, and it leaves memory if nobody takes its own."""
        states, users = self._states, self._states.users
        for upstream in states.rules[task].upstream:
            users[upstream] -= 1
            if not users[upstream]:
                states.let_go(upstream)
                do(Release(upstream))
        if not users[task] and task != self._output:
            states.let_go(task)
            do(Release(task))

    def _end_within(self, frame: int, do: Do) -> None:
        """End all tasks of a frame's continuation: somebody's exception is its output now."""
        within = [task for task in self._states.rules if is_within(self._states.rules, task, (frame,))]
        self._stop([task for task in within if task in self._live], do)
        del self._delegates[frame]
        for task in within:
            if self._status[task] not in TASK_OVER:
                do(self._move(task, TaskStatus.CANCELED))
            self._delegates.pop(task, None)
        for task in within:
            self._states.let_go(task)
            do(Release(task))

    def _stop(self, tasks: Iterable[int], do: Do) -> None:
        for task in sorted(tasks):
            attempt = self._live.pop(task)
            if self._status[task] is not TaskStatus.WAITING:  # a sleep has no worker to stop
                do(Stop(task, attempt))
            do(Close(task, attempt, AttemptStatus.CANCELED))
            do(self._move(task, TaskStatus.CANCELED))

    def _finish(self, status: WorkflowStatus, failed: int | None = None) -> Finish:
        self.status = status
        return Finish(status, failed)

    def _reset(self, task: int) -> Mark:
        """It begins again: its output is not there, or an input of it is not any more."""
        self._counts[self._status[task]] -= 1
        self._counts[TaskStatus.PENDING] = self._counts.get(TaskStatus.PENDING, 0) + 1
        self._status[task] = TaskStatus.PENDING
        return Mark(task, TaskStatus.PENDING)

    def _move(self, task: int, status: TaskStatus) -> Mark:
        self._set(task, status)
        return Mark(task, status)

    def _set(self, task: int, status: TaskStatus) -> None:
        before = self._status[task]
        if status not in TASK_MOVES[before]:
            raise IllegalMoveError(f"task {task} can't go from {before} to {status}")
        self._status[task] = status
        self._counts[before] -= 1
        self._counts[status] = self._counts.get(status, 0) + 1


_HANDLERS: Final[Mapping[type, Callable[[Machine, Any, Do], None]]] = {
    Submitted: Machine._submitted,
    Started: Machine._started,
    Succeeded: Machine._succeeded,
    Continued: Machine._continued,
    Failed: Machine._failed,
    Damaged: Machine._damaged,
    Stored: Machine._task_stored,
    Expanded: Machine._expanded,
    Due: Machine._due,
    Canceled: Machine._canceled,
}
