"""The loop: actions become work, receipts become events, and a commit stands between.

One thread does it all. What arrives while a commit is under way goes into the next one: the more there is to
do, the more each commit carries, and a lone task waits for nobody. Nothing here decides: the machine does.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Final

from heliograph.engines import receipts
from heliograph.engines.entrance import Entrance, Entry
from heliograph.engines.executor import AttemptKey, Deliver, Executor, Receipt
from heliograph.engines.live import Begun, LiveRun, rules_of
from heliograph.engines.outcome import OutputFuture, cancellation_error, execution_error
from heliograph.engines.pending import PendingChanges
from heliograph.engines.timers import Timer, Timers
from heliograph.errors import StorageCorruptError, StorageError, TaskTimeoutError
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import Owner
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
from heliograph.scheduling.admission import Admission
from heliograph.scheduling.events import (
    Canceled,
    Continued,
    Due,
    Event,
    Expanded,
    Failed,
    Started,
    Stored,
    Succeeded,
)
from heliograph.storage.entries import Accepted, Claim, Ending, Refused, Submission
from heliograph.storage.journal import Batch, Journal
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.store import Store

TICK_SECONDS: Final = 0.02
"""How long news that nobody waits for may wait for a commit."""

_POLL_SECONDS: Final = 0.1  # how soon a cancellation by another process is seen
_RENEW_SECONDS: Final = LEASE_SECONDS / 3
_FOREVER: Final = 3600.0
_MOST_AT_ONCE: Final = 2_000  # messages before a commit, so that a flood can't put commits off for ever


@dataclass(frozen=True, slots=True)
class _Lost:
    """Cancelled from this process: look now, not at the next poll."""

    key: int


@dataclass(frozen=True, slots=True)
class _Quit:
    """End the loop."""


class Loop:
    """Drives all runs of one engine.

    Args:
        store: where everything is kept.
        new_owner: makes an identity to own runs by.
        executor: given where receipts go, makes the one who runs attempts.
        admission: who may run.
    """

    def __init__(
        self,
        store: Store,
        new_owner: Callable[[], Owner],
        executor: Callable[[Deliver], Executor],
        admission: Admission,
    ) -> None:
        self._store = store
        self._clock = store.clock
        self._new_owner = new_owner
        self._journal = store.journal(new_owner())
        self._retired: list[Journal] = []  # of owners whose leases are still to be given up
        self._admission = admission
        self._entrance = Entrance(store, admission)
        self._inbox: SimpleQueue[Entry | Receipt | _Lost | _Quit] = SimpleQueue()
        self._executor = executor(self._inbox.put)
        self._runs: dict[int, LiveRun] = {}
        self._pending = PendingChanges()
        self._awaiting: list[tuple[LiveRun, Stored | Expanded]] = []  # what the next commit makes true
        self._timers = Timers()
        self._over: list[tuple[LiveRun, Finish, Receipt | None]] = []  # runs that end with it
        self._unseen: set[AttemptKey] = set()  # attempts that the executor has, and nobody saw running
        now = self._clock()
        self._renew_at = now + _RENEW_SECONDS
        self._poll_at = now
        self._observe_at = now
        self._changes_seen = 0
        self._running = True
        self._entering = threading.Lock()  # nobody enters behind the one who closes
        self._thread = threading.Thread(target=self._main, name="heliograph-loop", daemon=True)
        self._thread.start()

    # -- called from any thread

    def enter(self, wanted: Submission | Claim) -> OutputFuture:
        """Bring a workflow in; returns once it is stored.

        Raises:
            queue.Full: too many wait already.
            RuntimeError: somebody has it, or the engine is closed.
            WorkflowNotFoundError: a claim for an id that is not stored.
            StorageError: it can't be stored.
        """
        reply: Future[OutputFuture] = Future()
        with self._entering:
            if not self._running:
                raise RuntimeError("the engine is closed")
            self._inbox.put(Entry(wanted, reply))
        return reply.result()

    def future_of(self, key: int) -> OutputFuture | None:
        """The output of a run that this engine has; None: it has no such run."""
        run = self._runs.get(key)
        return None if run is None else run.future

    def note_cancelled(self, key: int) -> None:
        """A cancellation was stored by this process."""
        self._inbox.put(_Lost(key))

    def close(self) -> None:
        """Stop all work and give the lease up: what ran reads RESUMABLE."""
        with self._entering:
            if self._running:
                self._running = False
                self._inbox.put(_Quit())
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the thread

    def _main(self) -> None:
        try:
            while self._turn():
                pass
            self._drop_all(RuntimeError("the engine was closed; `workflow.resume` goes on"))
        except BaseException as error:
            with self._entering:
                self._running = False
            self._take_in_entries()
            self._drop_all(error)
            raise
        finally:
            self._executor.close()
            self._retired.append(self._journal)
            with contextlib.suppress(StorageError):  # then the leases run out by themselves
                self._give_up_leases()

    def _turn(self) -> bool:
        """Take what arrived, commit if somebody waits for that; False: time to quit."""
        try:
            if not self._take_in():
                return False
            now = self._clock()
            if self._unseen and now >= self._observe_at:
                self._observe(now)
            self._ring(now)
            if self._must_commit(now):
                self._commit(now)
            if self._runs and now >= self._poll_at:
                self._poll(now)
        except StorageError as error:
            self._start_over(error)
        return True

    def _must_commit(self, now: float) -> bool:
        if self._entrance or self._pending.urgent:
            return True
        return self._pending.older_than(now - TICK_SECONDS) or (bool(self._runs) and now >= self._renew_at)

    def _take_in(self) -> bool:
        timeout: float | None = self._patience()
        for _ in range(_MOST_AT_ONCE):
            try:
                message = self._inbox.get(timeout=timeout) if timeout else self._inbox.get_nowait()
            except Empty:
                break
            timeout = None
            match message:
                case Receipt():
                    self._receive(message)
                case Entry():
                    self._entrance.add(message)
                case _Lost(key):
                    self._look([run for run in (self._runs.get(key),) if run is not None])
                case _Quit():
                    return False
        return True

    def _patience(self) -> float | None:
        """Seconds to wait for a message; None: not at all."""
        if self._entrance or self._pending.urgent:
            return None
        if self._pending or self._unseen:
            return TICK_SECONDS  # a timer may be late by as much
        if not self._runs:
            return _FOREVER
        until = min(self._renew_at, self._poll_at)
        if self._timers.next is not None:
            until = min(until, self._timers.next)
        return max(until - self._clock(), 0.001)

    # -- events in

    def _receive(self, receipt: Receipt) -> None:
        self._unseen.discard(receipt.key)
        run = self._live(receipt.key)
        if run is None:
            return
        now, (_, _, task, attempt) = self._clock(), receipt.key
        failure = receipt.failure
        event: Event
        if failure is not None:
            event = Failed(now, task, attempt, failure.died, failure.lineage, random.random())
        elif receipt.continuation is not None:
            if attempt != run.machine.live.get(task):
                return
            receipt = replace(receipt, continuation=run.inherited(task, receipt.continuation))
            assert receipt.continuation is not None
            event = Continued(now, task, attempt, rules_of(receipt.continuation))
        else:
            event = Succeeded(now, task, attempt)
        self._tell(run, event, now, receipt)

    def _live(self, key: AttemptKey) -> LiveRun | None:
        run = self._runs.get(key.workflow)
        return run if run is not None and run.run == key.run else None

    def _observe(self, now: float) -> None:
        """Note attempts that have been running for a while: short ones end before anybody asks."""
        self._observe_at = now + TICK_SECONDS / 2  # there may be many
        for running in self._executor.running(self._unseen):
            if now - running.started < TICK_SECONDS / 2:
                continue
            self._unseen.discard(running.key)
            run = self._live(running.key)
            if run is None:
                continue
            self._tell(run, Started(now, running.key.task, running.key.attempt), now)
            self._pending.begun(run, running)
            timeout = run.machine.rule_of(running.key.task).options.timeout
            if timeout is not None:
                timer = Timer(run, running.key.task, running.key.attempt)
                self._timers.set(running.started + timeout, timer)

    def _ring(self, now: float) -> None:
        """Do what is due."""
        for timer in self._timers.due(now):
            run, task = timer.run, timer.task
            if self._runs.get(run.key) is not run or run.machine.status is not WorkflowStatus.RUNNING:
                continue
            if timer.attempt is not None:
                self._time_out(run, task, timer.attempt, now)
            elif run.machine.is_asleep(task):
                begun, key = run.begun[task], run.attempt_key(task, run.machine.live[task])
                receipt = receipts.slept(key, begun.ready, now, run.machine.wraps(task))
                self._tell(run, Due(now, task), now, receipt)
            else:
                self._tell(run, Due(now, task), now)

    def _time_out(self, run: LiveRun, task: int, attempt: int, now: float) -> None:
        if run.machine.live.get(task) != attempt:
            return
        key, begun = run.attempt_key(task, attempt), run.begun[task]
        timeout = run.machine.rule_of(task).options.timeout
        error = TaskTimeoutError(
            f"task {run.tasks[task].task_id!r} ran longer than its timeout of {timeout} s"
        )
        self._executor.cancel(key)
        phases = replace(begun.phases, finished=now)
        wraps = run.caught_wraps(task)
        self._receive(
            receipts.failed(key, error, died=True, caught_wraps=wraps, phases=phases, worker=begun.worker)
        )

    def _poll(self, now: float) -> None:
        """Look for runs that another process cancelled or took over."""
        self._poll_at = now + _POLL_SECONDS
        changes = self._store.changes()
        if changes != self._changes_seen:
            self._changes_seen = changes
            self._look(self._runs.values())

    def _look(self, runs: Iterable[LiveRun]) -> None:
        """See which of these runs are not ours any more, and lose them."""
        for key in self._store.checkpoints.not_running([(run.key, run.run) for run in runs]):
            run = self._runs[key]
            if run.machine.status in ACTIVE:
                self._lose(run)

    def _lose(self, run: LiveRun) -> None:
        """The run is not ours any more: stop what runs of it, and write nothing more."""
        self._pending.drop_outputs(run)
        self._awaiting = [waiting for waiting in self._awaiting if waiting[0] is not run]
        now = self._clock()
        self._tell(run, Canceled(now), now)

    # -- actions out

    def _tell(self, run: LiveRun, event: Event, now: float, receipt: Receipt | None = None) -> None:
        """Tell the machine, and do what it asks for.

        Args:
            run: whose machine.
            event: what happened.
            now: Unix seconds.
            receipt: where the event comes from one.
        """
        for action in run.machine.handle(event):
            self._carry_out(run, action, now, receipt)

    def _carry_out(self, run: LiveRun, action: Action, now: float, receipt: Receipt | None) -> None:
        match action:
            case Start(task, attempt):
                self._start(run, task, attempt, now)
            case Mark(task, status):
                self._pending.mark(run, task, status, now)
            case Close(task, attempt, status):
                self._pending.closed(run, task, attempt, status, now, receipt)
            case Checkpoint(task, keep, caught):
                assert receipt is not None
                output = receipt.caught if caught else receipt.output
                assert output is not None
                run.arguments.pop(task, None)
                run.outputs[task] = output
                self._pending.checkpoint(run, task, output if keep else None, now)
                self._awaiting.append((run, Stored(now, task)))
            case Expand(_, _, first):
                assert receipt is not None
                assert receipt.continuation is not None
                self._pending.expanded(
                    run, run.expansion(receipt.continuation, action, self._entrance.tokens), now
                )
                self._awaiting.append((run, Expanded(now, first, len(receipt.continuation.tasks))))
            case Wake(task, at, lasting):
                if lasting:
                    self._pending.sleeping(run, task, at, now)
                self._timers.set(at, Timer(run, task))
            case Release(task):
                run.release(task)
            case Stop(task, attempt):
                key = run.attempt_key(task, attempt)
                self._unseen.discard(key)
                self._executor.cancel(key)
            case Finish():
                self._finish(run, action, now, receipt)

    def _start(self, run: LiveRun, task: int, attempt: int, now: float) -> None:
        self._unseen.add(run.attempt_key(task, attempt))
        try:
            work = run.work(task, attempt, now, self._store.checkpoints, self._store.location.values)
        except StorageCorruptError as error:  # the attempt fails by it, as if its worker could not read it
            run.begun[task] = Begun(now, 0)
            wraps = run.caught_wraps(task)
            key = run.attempt_key(task, attempt)
            self._inbox.put(receipts.failed(key, error, died=False, caught_wraps=wraps))
        else:
            self._executor.submit(work)

    def _finish(self, run: LiveRun, finish: Finish, now: float, receipt: Receipt | None) -> None:
        if finish.status is WorkflowStatus.CANCELED:  # stored already, by who cancelled it
            self._leave(run)
            run.future.set_exception(cancellation_error(run.workflow_id))
            return
        failure = receipt.failure if receipt is not None and finish.failed is not None else None
        self._pending.ended(run, Ending(finish.status, finish.failed, failure), now)
        self._over.append((run, finish, receipt))

    # -- the commit between them

    def _commit(self, now: float) -> None:
        entries = self._entrance.take()
        changes = self._pending.take()
        awaiting, self._awaiting = self._awaiting, []
        over, self._over = self._over, []
        lease = now + LEASE_SECONDS if now >= self._renew_at else None
        try:
            self._give_up_leases()
            committed = self._journal.commit(Batch([entry.wanted for entry in entries], changes, lease))
            if lease is not None:
                self._renew_at = now + _RENEW_SECONDS
            for entry, answer in zip(entries, committed.answers, strict=True):
                if isinstance(answer, Refused):
                    self._entrance.refuse(entry, answer)
                else:
                    self._let_in(entry, answer)
            for key, number in committed.lost:
                run = self._runs.get(key)
                if run is not None and run.run == number:
                    self._lost_to_others(run)
            for run, event in awaiting:
                if (run.key, run.run) not in committed.lost:
                    if isinstance(event, Expanded):
                        run.name(event.first, committed.names[run.key][event.first])
                    self._tell(run, event, self._clock())
            for run, finish, receipt in over:
                if (run.key, run.run) not in committed.lost:
                    self._resolve(run, finish, receipt)
        except StorageError as error:
            self._start_over(error, entries)
        self._let_follow()

    def _let_in(self, entry: Entry, accepted: Accepted) -> None:
        before = self._runs.get(accepted.key)
        if before is not None:  # another process cancelled it, and this one resumed it before it looked
            self._lost_to_others(before)
        run = self._runs[accepted.key] = self._entrance.accept(entry, accepted)
        if entry.place is WorkflowStatus.RUNNING:
            self._begin(run)

    def _begin(self, run: LiveRun) -> None:
        """It is the run's turn."""
        assert run.submitted is not None
        now = self._clock()
        submitted, run.submitted = replace(run.submitted, now=now), None
        self._tell(run, submitted, now)

    def _let_follow(self) -> None:
        while (key := self._admission.following()) is not None:
            run = self._runs[key]
            self._pending.started(run, self._clock())
            self._begin(run)

    def _resolve(self, run: LiveRun, finish: Finish, receipt: Receipt | None) -> None:
        """The end of the run is stored: tell who waits."""
        self._leave(run)
        if finish.failed is None:
            output = run.last_output(self._store.checkpoints)
            run.future.set_result(output)
            return
        failure = receipt.failure if receipt is not None else None
        assert failure is not None
        run.future.set_exception(
            execution_error(
                run.workflow_id,
                run.tasks[finish.failed].task_id,
                failure.kind,
                failure.message,
                failure.error,
            )
        )

    def _leave(self, run: LiveRun) -> None:
        del self._runs[run.key]
        self._admission.leave(run.key)

    def _lost_to_others(self, run: LiveRun) -> None:
        """News of the run can't be written: it was cancelled, or another engine took it over."""
        if run.machine.status in ACTIVE:
            self._lose(run)
        else:
            self._leave(run)
            run.future.set_exception(cancellation_error(run.workflow_id))

    # -- when the storage fails, and at the end

    def _start_over(self, error: StorageError, entries: Iterable[Entry] = ()) -> None:
        """Nothing can be stored, so nothing may go on: drop all runs, as a new owner.

        What they stored is kept; they can be resumed as soon as the storage works again.
        """
        for entry in entries:
            self._entrance.fail(entry, error)
        self._drop_all(error)
        self._retired.append(self._journal)
        self._journal = self._store.journal(self._new_owner())
        self._renew_at = self._clock() + _RENEW_SECONDS

    def _drop_all(self, error: BaseException) -> None:
        for run in list(self._runs.values()):
            for task, attempt in run.machine.live.items():
                self._executor.cancel(run.attempt_key(task, attempt))
            self._leave(run)
            if not run.future.done():
                run.future.set_exception(error)
        self._entrance.fail_all(error)
        self._awaiting, self._over = [], []
        self._timers.clear()
        self._pending.take()
        self._unseen.clear()

    def _take_in_entries(self) -> None:
        """Nobody who entered may wait for ever."""
        while not self._inbox.empty():
            message = self._inbox.get_nowait()
            if isinstance(message, Entry):
                self._entrance.add(message)

    def _give_up_leases(self) -> None:
        while self._retired:
            self._retired[-1].close()
            self._retired.pop()
