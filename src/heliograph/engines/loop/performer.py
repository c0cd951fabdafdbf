"""The machine's actions, carried out: work for the executor, news for the journal, timers.

Below the loop, which brings events and commits. Nothing here decides: the machine does.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from heliograph.engines.attempts import receipts
from heliograph.engines.attempts.executor import AttemptKey, Deliver, Executor, Receipt, Running
from heliograph.engines.loop.backlog import Backlog
from heliograph.engines.loop.live import Begun, LiveRun, rules_of
from heliograph.engines.loop.pending import PendingChanges
from heliograph.engines.loop.timers import Timer, Timers
from heliograph.errors import StorageCorruptError, TaskTimeoutError
from heliograph.records.attempt import Failure
from heliograph.records.report import Report
from heliograph.records.status import AttemptStatus, WorkflowStatus
from heliograph.scheduling.actions import (
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
    Continued,
    Damaged,
    Due,
    Event,
    Expanded,
    Failed,
    Started,
    Stored,
    Succeeded,
)
from heliograph.storage.entries import Ending
from heliograph.storage.store import Store

TICK_SECONDS: Final = 0.02
"""How long news that nobody waits for may wait for a commit, and workflows that begin for each other."""
_COMPANY: Final = 50  # outputs that make a commit worth it, where nobody idles until it is done
_COMPANY_SECONDS: Final = 0.002


class Performer:
    """Carries actions out. All of it is called by the loop's thread.

    Args:
        store: where values are read that are not in memory.
        executor: runs attempts.
        deliver: where a receipt goes that no worker wrote.
        tokens: names for functions, unique in this engine.

    Attributes:
        timers: what is to be told at a time.
        unseen: attempts that the executor has, and nobody saw running.
        pending: news for the next commit.
        awaiting: what that commit makes true, to be told then.
        over: runs that end with it.
    """

    def __init__(self, store: Store, executor: Executor, deliver: Deliver, tokens: Iterator[int]) -> None:
        self._store = store
        self._executor = executor
        self._most = executor.most
        self._deliver = deliver
        self._tokens = tokens
        self.timers = Timers()
        self._observe_at = 0.0
        self._backlog = Backlog()
        self._to_stop: list[AttemptKey] = []  # all at once, or one would begin in the place of another
        self._unwritten = Backlog()  # first attempts of runs that were taken over, until they are recorded
        self._handed_out: set[AttemptKey] = set()  # those of `unseen` that take room
        self._handed_out_at = -math.inf  # the last attempt; -inf: somebody waited for an end since then
        self._holds_until = math.inf  # then what is held back begins at the latest; inf: nothing is
        self.unseen: set[AttemptKey] = set()
        self.pending = PendingChanges()
        self.awaiting: list[tuple[LiveRun, Stored | Expanded]] = []
        self.over: list[tuple[LiveRun, Finish, Receipt | None]] = []
        self._handlers: dict[type, Callable[[LiveRun, Any, float, Receipt | None], None]] = {
            Start: self._start,
            Stop: self._stop,
            Mark: self._mark,
            Close: self._close,
            Checkpoint: self._checkpoint,
            Forget: self._forget,
            Expand: self._expand,
            Wake: self._wake,
            Release: self._release,
            Finish: self._finish,
        }

    def begin(self, run: LiveRun, now: float) -> None:
        """Begin a run.

        One whose output nobody waits for is held back if another one began a moment ago: a worker is then
        woken once for many. One that was taken over may be what killed its engine: its first attempts begin
        once it is recorded that they do, since no other death is counted (`storage.journal.deaths`).
        """
        assert run.submitted is not None
        submitted, run.submitted = run.submitted(now), None
        if run.is_patient:
            is_late = now >= self._handed_out_at + TICK_SECONDS
            run.is_patient = not (is_late or self._is_full) and run.future.hold()
        self.tell(run, submitted, now)
        run.is_patient = False
        if run.is_recovered:
            run.is_recovered = False
            self.pending.urgent = bool(self.pending)
            if not self.pending:  # it was handed in, and all was stored then
                self.written(now)

    def tell(self, run: LiveRun, event: Event, now: float, receipt: Receipt | None = None) -> None:
        """Tell the machine, and do what it asks for.

        Args:
            run: whose machine.
            event: what happened.
            now: Unix seconds.
            receipt: where the event comes from one.
        """
        handlers = self._handlers
        for action in run.machine.handle(event):
            handlers[type(action)](run, action, now, receipt)
        if self._to_stop:
            self._executor.cancel(*self._to_stop)
            self._to_stop.clear()
        if self._is_full:
            self._hand_out_more(now)

    def ended(self, run: LiveRun | None, receipt: Receipt, now: float) -> None:
        """A receipt came in.

        Args:
            run: its run; None: nobody waits for it any more.
            receipt: what its worker says.
            now: Unix seconds.
        """
        key = receipt.key
        self.unseen.discard(key)
        self._handed_out.discard(key)
        if run is None or run.machine.live.get(key.task) != key.attempt:
            return
        failure = receipt.failure
        event: Event
        if failure is not None:
            event = self._damage(run, key, failure, now) or Failed(
                now, key.task, key.attempt, failure.died, failure.lineage, random.random()
            )
        elif receipt.continuation is not None:
            plan = run.inherited(key.task, receipt.continuation)
            receipt = receipt._replace(continuation=plan)
            event = Continued(now, key.task, key.attempt, rules_of(plan))
        else:
            event = Succeeded(now, key.task, key.attempt)
        self.tell(run, event, now, receipt)

    def _damage(self, run: LiveRun, key: AttemptKey, failure: Failure, now: float) -> Damaged | None:
        """What to tell the machine of an attempt that could not read an input: that is made again.

        None: the attempt failed by something else; or the input may not be made again now (a resume has as
        many tries again), or ever.
        """
        machine = run.machine
        source = None if failure.damaged is None else run.source_of(failure.damaged, key.task)
        if source is None or not machine.is_made_again(source):
            return None
        if not machine.is_stored(source):  # it is being made again
            return Damaged(now, key.task, key.attempt, source)
        try:
            plan = self._store.checkpoints.plan(run.key)
        except StorageCorruptError:  # what makes it again is damaged too: the attempt fails by what it met
            return None
        run.recover(plan, source, now)
        return Damaged(now, key.task, key.attempt, source, plan.rules, plan.stored, plan.attempts, plan.due)

    def said(self, run: LiveRun | None, key: AttemptKey, report: Report, now: float) -> None:
        """An attempt said something.

        That it runs is stored along with this, however short it may be. Else, were the engine killed, the
        next attempt would get the same number, and with it what this one said.

        Args:
            run: its run; None: nobody waits for it any more.
            key: which attempt.
            report: what.
            now: Unix seconds.
        """
        if run is None or run.machine.live.get(key.task) != key.attempt:
            return
        if key in self.unseen:
            for running in self._executor.running([key]):
                self._saw(run, running, now)
        self.pending.said(run, key.task, key.attempt, report, now)

    # -- looking on

    def wait_for_company(self) -> None:
        """Let more outputs come before the next commit, if workers have enough to do meanwhile.

        A commit costs as much as several tasks.
        """
        if self._is_full and len(self.awaiting) < _COMPANY:
            time.sleep(_COMPANY_SECONDS)

    def observe(self, now: float, find: Callable[[AttemptKey], LiveRun | None]) -> None:
        """Note attempts that have been running for a while: short ones end before anybody asks."""
        if now < self._observe_at:
            return
        self._observe_at = now + TICK_SECONDS / 2  # there may be many
        for running in self._executor.running(self.unseen):
            if 0 <= now - running.started < TICK_SECONDS / 2:  # below 0: the clock was set back
                continue
            self._saw(find(running.key), running, now)

    def _saw(self, run: LiveRun | None, running: Running, now: float) -> None:
        key = running.key
        self.unseen.discard(key)
        self._handed_out.discard(key)  # it waits for no worker, and may for others to get one
        task, attempt = key.task, key.attempt
        if run is None or run.machine.live.get(task) != attempt:
            return  # it was stopped, and the executor has not seen to that yet
        self.tell(run, Started(now, task, attempt), now)
        self.pending.begun(run, running)
        timeout = run.machine.rule_of(task).options.timeout
        if timeout is not None:
            self.timers.set(min(running.started, now) + timeout, Timer(run, task, attempt))

    def ring(self, now: float, is_here: Callable[[LiveRun], bool]) -> None:
        """Do what is due."""
        for timer in self.timers.due(now):
            run, task = timer.run, timer.task
            if not is_here(run) or run.machine.status is not WorkflowStatus.RUNNING:
                continue
            if timer.attempt is not None:
                self._time_out(run, task, timer.attempt, now)
            elif run.machine.is_asleep(task):
                key = run.attempt_key(task, run.machine.live[task])
                receipt = receipts.slept(key, run.begun[task].ready, now, run.machine.wraps(task))
                self.tell(run, Due(now, task), now, receipt)
            else:
                self.tell(run, Due(now, task), now)

    def _time_out(self, run: LiveRun, task: int, attempt: int, now: float) -> None:
        if run.machine.live.get(task) != attempt:
            return
        key, begun = run.attempt_key(task, attempt), run.begun[task]
        timeout = run.machine.rule_of(task).options.timeout
        error = TaskTimeoutError(f"task {run.task_ids[task]!r} ran longer than its timeout of {timeout} s")
        self._executor.cancel(key)
        receipt = receipts.failed(
            key,
            error,
            died=True,
            caught_wraps=run.caught_wraps(task),
            phases=begun.phases._replace(finished=now),
            worker=begun.worker,
        )
        self.ended(run, receipt, now)

    def shift(self, seconds: float) -> None:
        """The clock was set by so much: what is due moves along."""
        self._observe_at += seconds
        self._handed_out_at += seconds
        self._holds_until += seconds
        self.timers.shift(seconds)
        self.pending.shift(seconds)

    # -- dropping

    def forget(self, run: LiveRun) -> None:
        """Nothing more of the run is stored as an output: it is not this engine's any more."""
        self.pending.drop_outputs(run)
        self.awaiting = [waiting for waiting in self.awaiting if waiting[0] is not run]

    def drop(self, *runs: LiveRun) -> None:
        """Stop what runs of these runs, and say nothing to their machines."""
        self._executor.cancel(
            *(
                run.attempt_key(task, attempt)
                for run in runs
                for task, attempt in run.machine.live.items()
                if task not in run.waiting
            )
        )
        for run in runs:
            run.waiting.clear()

    def clear(self) -> None:
        """Forget everything: all runs were dropped."""
        self.awaiting, self.over = [], []
        self.timers.clear()
        self.pending.take()
        self.unseen.clear()
        self._handed_out.clear()
        self._backlog.clear()
        self._unwritten.clear()
        self._holds_until = math.inf

    # -- handing out

    def written(self, now: float) -> None:
        """All is stored that was pending: what waited for that begins."""
        while (taken := self._unwritten.take()) is not None:
            run, task, ready = taken
            self._take_in(run, task, ready, now)

    def hurry(self, now: float) -> None:
        """Somebody waits for a workflow whose begin, or whose end, is held back."""
        self.pending.urgent = bool(self.pending)
        self._handed_out_at = -math.inf  # unless a begin was: then it is set as that is handed out
        self._let_go(now)

    def let_go_if_due(self, now: float) -> None:
        """Begin the workflows that are held back, once they have waited for long enough."""
        if self._holds_until <= now:
            self._let_go(now)

    def _let_go(self, now: float) -> None:
        self._holds_until = math.inf
        self._hand_out_more(now)

    @property
    def holds_back(self) -> bool:
        """Whether any workflow is held back."""
        return self._holds_until < math.inf

    @property
    def _is_full(self) -> bool:
        """Whether attempts wait for room."""
        return bool(self._backlog.stretches) and not self.holds_back

    def _hand_out_more(self, now: float) -> None:
        """Fill the room that the executor has again."""
        while len(self._handed_out) < self._most and (taken := self._backlog.take()) is not None:
            run, task, ready = taken
            self._hand_out(run, run.attempt_key(task, run.machine.live[task]), ready, now)

    def _hand_out(self, run: LiveRun, key: AttemptKey, ready: float, now: float) -> None:
        task = key.task
        self._handed_out_at = now
        self.unseen.add(key)
        if not run.is_async(task):
            self._handed_out.add(key)
        try:
            work = run.work(key, ready, self._store.checkpoints, self._store.values.url)
        except StorageCorruptError as error:  # the attempt fails by it, as if its worker could not read it
            run.begun[task] = Begun(now, now, 0)
            wraps = run.caught_wraps(task)
            self._deliver(receipts.failed(key, error, died=False, caught_wraps=wraps))
        else:
            self._executor.submit(work)

    # -- the actions

    def _start(self, run: LiveRun, action: Start, now: float, _receipt: Receipt | None) -> None:
        if run.is_recovered:
            self._unwritten.put(run, action.task, now)
        else:
            self._take_in(run, action.task, now, now)

    def _take_in(self, run: LiveRun, task: int, ready: float, now: float) -> None:
        """Hand the attempt out, or have it wait until there is room for it."""
        has_room = len(self._handed_out) < self._most and not self._backlog.stretches
        # A retry that has waited for its time passes those that wait for a worker; async tasks wait for none.
        if run.is_patient and not run.is_async(task):
            self._backlog.put(run, task, ready)
            self._holds_until = min(self._holds_until, self._handed_out_at + TICK_SECONDS)
        elif has_room or task in run.backoffs or run.is_async(task):
            self._hand_out(run, run.attempt_key(task, run.machine.live[task]), ready, now)
        else:
            self._backlog.put(run, task, ready)
            self._holds_until = math.inf  # what is held back is in front of it

    def _stop(self, run: LiveRun, action: Stop, _now: float, _receipt: Receipt | None) -> None:
        ready = run.waiting.pop(action.task, None)
        if ready is not None:
            run.never_begun(action.task, ready)
            return
        key = run.attempt_key(action.task, action.attempt)
        self.unseen.discard(key)
        self._handed_out.discard(key)
        self._to_stop.append(key)

    def _mark(self, run: LiveRun, action: Mark, now: float, _receipt: Receipt | None) -> None:
        self.pending.mark(run, action.task, action.status, now)

    def _close(self, run: LiveRun, action: Close, now: float, receipt: Receipt | None) -> None:
        if action.status is AttemptStatus.FAILED:  # if another one follows, it is planned now
            run.created[action.task] = now
        self.pending.closed(run, action.task, action.attempt, action.status, now, receipt)

    def _checkpoint(self, run: LiveRun, action: Checkpoint, now: float, receipt: Receipt | None) -> None:
        assert receipt is not None
        task, output = action.task, receipt.caught if action.caught else receipt.output
        assert output is not None
        run.keep(task, output)
        self.pending.checkpoint(run, task, output if action.keep else None, now)
        self.awaiting.append((run, Stored(now, task)))

    def _forget(self, run: LiveRun, action: Forget, now: float, _receipt: Receipt | None) -> None:
        run.forget(action.task)
        self.pending.damaged(run, action.task, now)

    def _expand(self, run: LiveRun, action: Expand, now: float, receipt: Receipt | None) -> None:
        assert receipt is not None
        assert receipt.continuation is not None
        plan = receipt.continuation
        self.pending.expanded(run, run.expansion(plan, receipt.arguments, action, self._tokens, now), now)
        self.awaiting.append((run, Expanded(now, action.first, len(plan.tasks))))

    def _wake(self, run: LiveRun, action: Wake, now: float, _receipt: Receipt | None) -> None:
        if action.lasting:
            self.pending.sleeping(run, action.task, action.at, now)
        else:
            run.backoffs[action.task] = action.at - now
            self.pending.pausing(run, action.task, action.at, now)
        self.timers.set(action.at, Timer(run, action.task))

    def _release(self, run: LiveRun, action: Release, _now: float, _receipt: Receipt | None) -> None:
        run.release(action.task)

    def _finish(self, run: LiveRun, action: Finish, now: float, receipt: Receipt | None) -> None:
        if action.status is WorkflowStatus.CANCELED:  # stored already, by whoever cancelled it
            return
        failure = receipt.failure if receipt is not None and action.failed is not None else None
        self.pending.ended(run, Ending(action.status, action.failed, failure), now)
        if self.pending.urgent:
            self._handed_out_at = -math.inf
        self.over.append((run, action, receipt))
