"""The loop: actions become work, receipts become events, and a commit stands between.

One thread does it all. What arrives while a commit is under way goes into the next one: the more there is to
do, the more each commit carries, and a lone task waits for nobody. Nothing here decides: the machine does.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Final

from heliograph.engines.executor import AttemptKey, Deliver, Executor, Receipt
from heliograph.engines.live import LiveRun, resumed_run, submitted_run, unread
from heliograph.engines.outcome import OutputFuture, cancellation_error, execution_error
from heliograph.engines.pending import PendingChanges
from heliograph.errors import StorageCorruptError, StorageError, WorkflowNotFoundError
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import Owner
from heliograph.scheduling.actions import Action, Checkpoint, Close, Finish, Mark, Release, Start, Stop
from heliograph.scheduling.admission import Admission
from heliograph.scheduling.events import Canceled, Event, Failed, Started, Stored, Succeeded
from heliograph.storage.entries import Accepted, Claim, Ending, Submission, Unstored
from heliograph.storage.journal import Answer, Batch, Journal
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.store import Store

TICK_SECONDS: Final = 0.02
"""How long news that nobody waits for may wait for a commit."""

_POLL_SECONDS: Final = 0.1  # how soon a cancellation by another process is seen
_RENEW_SECONDS: Final = LEASE_SECONDS / 3
_FOREVER: Final = 3600.0
_MOST_AT_ONCE: Final = 2_000  # messages before a commit, so that a flood can't put commits off for ever


@dataclass(slots=True)
class _Entry:
    """A workflow that wants in, and who waits for the answer."""

    wanted: Submission | Claim
    reply: Future[OutputFuture]
    place: WorkflowStatus | None = None


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
        self._inbox: SimpleQueue[_Entry | Receipt | _Lost | _Quit] = SimpleQueue()
        self._executor = executor(self._inbox.put)
        self._runs: dict[int, LiveRun] = {}
        self._entries: list[_Entry] = []
        self._pending = PendingChanges()
        self._awaiting: list[tuple[LiveRun, int]] = []  # checkpoints in the next commit
        self._over: list[tuple[LiveRun, Finish, Receipt | None]] = []  # runs that end with it
        self._seen_running: set[AttemptKey] = set()
        self._open: set[AttemptKey] = set()  # attempts that the executor has
        self._tokens = itertools.count()  # names for functions, unique in this engine
        now = self._clock()
        self._renew_at = now + _RENEW_SECONDS
        self._poll_at = now
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
            self._inbox.put(_Entry(wanted, reply))
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
            if len(self._open) > len(self._seen_running):
                self._observe(now)
            if self._must_commit(now):
                self._commit(now)
            if (self._runs or self._retired) and now >= self._poll_at:
                self._poll(now)
        except StorageError as error:
            self._start_over(error)
        return True

    def _must_commit(self, now: float) -> bool:
        if self._entries or self._pending.urgent:
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
                case _Entry():
                    self._entries.append(message)
                case _Lost(key):
                    self._look([run for run in (self._runs.get(key),) if run is not None])
                case _Quit():
                    return False
        return True

    def _patience(self) -> float | None:
        """Seconds to wait for a message; None: not at all."""
        if self._entries or self._pending.urgent:
            return None
        if self._pending or len(self._open) > len(self._seen_running):
            return TICK_SECONDS
        if not (self._runs or self._retired):
            return _FOREVER
        due = min(self._renew_at, self._poll_at) if self._runs else self._poll_at
        return max(due - self._clock(), 0.001)

    # -- events in

    def _receive(self, receipt: Receipt) -> None:
        self._open.discard(receipt.key)
        self._seen_running.discard(receipt.key)
        run = self._live(receipt.key)
        if run is None:
            return
        now, (_, _, task, attempt) = self._clock(), receipt.key
        failure = receipt.failure
        event: Event
        if failure is None:
            event = Succeeded(now, task, attempt)
        else:
            event = Failed(now, task, attempt, failure.died, failure.lineage)
        self._tell(run, event, now, receipt)

    def _live(self, key: AttemptKey) -> LiveRun | None:
        run = self._runs.get(key.workflow)
        return run if run is not None and run.run == key.run else None

    def _observe(self, now: float) -> None:
        """Note attempts that have been running for a while: short ones end before anybody asks."""
        for running in self._executor.running():
            if running.key in self._seen_running or now - running.started < TICK_SECONDS / 2:
                continue
            run = self._live(running.key)
            if run is None:
                continue
            self._seen_running.add(running.key)
            self._tell(run, Started(now, running.key.task, running.key.attempt), now)
            self._pending.begun(run, running)

    def _poll(self, now: float) -> None:
        """Look for runs that another process cancelled or took over."""
        self._poll_at = now + _POLL_SECONDS
        with contextlib.suppress(StorageError):
            self._give_up_leases()
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
        self._awaiting = [(other, task) for other, task in self._awaiting if other is not run]
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
            case Checkpoint(task, _, keep, caught):
                assert receipt is not None
                output = receipt.caught if caught else receipt.output
                assert output is not None
                run.arguments.pop(task, None)
                run.outputs[task] = output
                self._pending.checkpoint(run, task, output if keep else None, now)
                self._awaiting.append((run, task))
            case Release(task):
                run.outputs.pop(task, None)
            case Stop(task, attempt):
                key = run.attempt_key(task, attempt)
                self._open.discard(key)
                self._seen_running.discard(key)
                self._executor.cancel(key)
            case Finish():
                self._finish(run, action, now, receipt)

    def _start(self, run: LiveRun, task: int, attempt: int, now: float) -> None:
        self._open.add(run.attempt_key(task, attempt))
        try:
            work = run.work(task, attempt, now, self._store.checkpoints, self._store.location.values)
        except StorageCorruptError as error:  # the attempt fails by it, as if its worker could not read it
            self._inbox.put(unread(run.attempt_key(task, attempt), error))
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
        entries, self._entries = self._placed(), []
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
                self._answer(entry, answer)
            for key, number in committed.lost:
                run = self._runs.get(key)
                if run is not None and run.run == number:
                    self._lost_to_others(run)
            for run, task in awaiting:
                if (run.key, run.run) not in committed.lost:
                    self._tell(run, Stored(now, task), self._clock())
            for run, finish, receipt in over:
                if (run.key, run.run) not in committed.lost:
                    self._resolve(run, finish, receipt)
        except StorageError as error:
            self._start_over(error, entries)
        self._let_follow()

    def _placed(self) -> list[_Entry]:
        """The entries that have a place; the others are told that there is none."""
        placed = []
        for entry in self._entries:
            entry.place = self._admission.take_place()
            if entry.place is None:
                entry.reply.set_exception(
                    queue.Full("as many workflows wait as max_pending_workflows allows")
                )
            else:
                entry.wanted = replace(entry.wanted, status=entry.place)
                placed.append(entry)
        return placed

    def _answer(self, entry: _Entry, answer: Answer) -> None:
        wanted = entry.wanted
        if isinstance(answer, Accepted):
            before = self._runs.get(answer.key)
            if before is not None:  # another process cancelled it, and this one resumed it before it looked
                self._lost_to_others(before)
            run = self._runs[answer.key] = self._new_run(wanted, answer)
            self._settle(entry, answer.key)
            entry.reply.set_result(run.future)
            if wanted.status is WorkflowStatus.RUNNING:
                self._begin(run)
            return
        self._settle(entry, None)
        if isinstance(answer, Unstored):
            entry.reply.set_exception(answer.error)
        elif isinstance(wanted, Submission):  # the id is taken: then what is stored wins, and is resumed
            claim = Claim(wanted.workflow_id, wanted.status, wanted.provenance, wanted.created_time)
            self._entries.append(_Entry(claim, entry.reply))
        elif answer.status is WorkflowStatus.SUCCESSFUL and answer.output is not None:
            future = OutputFuture(self._store.values)
            future.set_result(answer.output)
            entry.reply.set_result(future)
        elif answer.status is None:
            entry.reply.set_exception(WorkflowNotFoundError(f"No such workflow_id {wanted.workflow_id!r}"))
        else:
            entry.reply.set_exception(
                RuntimeError(
                    f"workflow {wanted.workflow_id!r} is {answer.status} already: wait for it, or cancel it"
                )
            )

    def _settle(self, entry: _Entry, key: int | None) -> None:
        """Put the workflow in its place, or give that back; once only."""
        self._admission.settle(entry.place, key)
        entry.place = None

    def _new_run(self, wanted: Submission | Claim, accepted: Accepted) -> LiveRun:
        future = OutputFuture(self._store.values)
        if isinstance(wanted, Submission):
            return submitted_run(wanted, accepted, future, self._tokens)
        return resumed_run(wanted, accepted, self._store.checkpoints.plan(accepted.key), future, self._tokens)

    def _begin(self, run: LiveRun) -> None:
        """It is the run's turn."""
        now = self._clock()
        self._tell(run, replace(run.submitted, now=now), now)

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
                run.workflow_id, run.task_ids[finish.failed], failure.kind, failure.message, failure.error
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

    def _start_over(self, error: StorageError, entries: Iterable[_Entry] = ()) -> None:
        """Nothing can be stored, so nothing may go on: drop all runs, as a new owner.

        What they stored is kept; they can be resumed as soon as the storage works again.
        """
        for entry in entries:
            self._settle(entry, None)
        for run in self._runs.values():
            for task, attempt in run.machine.live.items():
                self._executor.cancel(run.attempt_key(task, attempt))
        self._drop_all(error, entries)
        self._retired.append(self._journal)
        self._journal = self._store.journal(self._new_owner())
        self._renew_at = self._clock() + _RENEW_SECONDS

    def _drop_all(self, error: BaseException, entries: Iterable[_Entry] = ()) -> None:
        for run in list(self._runs.values()):
            self._leave(run)
            if not run.future.done():
                run.future.set_exception(error)
        for entry in (*entries, *self._entries):
            if not entry.reply.done():
                entry.reply.set_exception(error)
        self._entries, self._awaiting, self._over = [], [], []
        self._pending.take()
        self._seen_running.clear()
        self._open.clear()

    def _take_in_entries(self) -> None:
        """Nobody who entered may wait for ever."""
        while not self._inbox.empty():
            message = self._inbox.get_nowait()
            if isinstance(message, _Entry):
                self._entries.append(message)

    def _give_up_leases(self) -> None:
        while self._retired:
            self._retired[-1].close()
            self._retired.pop()
