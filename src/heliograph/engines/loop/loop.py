"""The loop: actions become work, receipts become events, and a commit stands between.

One thread at a time does it all: the loop's own, or one that brings something (decisions 0008 and 0024). What
arrives while a commit is under way goes into the next one: the more there is to do, the more each commit
carries, and what is alone waits for nobody. Nothing here decides: the machine does.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Final

from heliograph.engines.attempts.executor import AttemptKey, Deliver, Executor, Receipt, Said
from heliograph.engines.compensation import depth
from heliograph.engines.loop.batches import Batches
from heliograph.engines.loop.entrance import Entrance, Entry, Told
from heliograph.engines.loop.live import LiveRun
from heliograph.engines.loop.messages import Awaited, Fault, Hurry, Lost, Message, Quit
from heliograph.engines.loop.performer import TICK_SECONDS, Performer
from heliograph.engines.loop.undisturbed import has_room, undisturbed
from heliograph.engines.loop.watched_clock import WatchedClock
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.provenance import late_facts
from heliograph.errors import StorageError
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import Owner, WorkflowRecord
from heliograph.scheduling.actions import Finish
from heliograph.scheduling.admission import Admission
from heliograph.scheduling.events import Canceled, Expanded
from heliograph.storage.databases.clocks import steady_seconds
from heliograph.storage.databases.news import Notice
from heliograph.storage.entries import Accepted, Claim, Submission
from heliograph.storage.journal.journal import Journal
from heliograph.storage.liveness import LEASE_SECONDS
from heliograph.storage.store import Store

_POLL_SECONDS: Final = 0.1  # how soon a cancellation by another process is seen
_POLL_SHARE: Final = 10  # there is no other look for so many times as long as one took
_RENEW_SECONDS: Final = LEASE_SECONDS / 3
_FOREVER: Final = 3600.0
_MOST_AT_ONCE: Final = 2_000  # messages before a commit, so that a flood can't put commits off for ever


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
        self._is_remote = store.is_remote  # then it may be away for long, and waiting is to end with Ctrl-C
        self._clock = store.clock
        self._new_owner = new_owner
        self._journal = store.journal(new_owner(), late_facts)
        self._retired: list[Journal] = []  # of owners whose leases are still to be given up
        self._admission = admission
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._entrance = Entrance(store, admission, lambda: self._inbox.put(Awaited()), self._poll)
        self._baton = threading.Lock()  # whoever holds it is the loop, for that long
        self._lost: deque[int] = deque()  # keys of workflows that may not be ours any more
        self._brought: deque[Receipt | Said] = deque()  # for whoever holds the baton, or takes it next
        self._executor = executor(self._deliver)
        self._performer = Performer(store, self._executor, self._brought.append, self._entrance.tokens)
        self._runs: dict[int, LiveRun] = {}
        self._batches = Batches(store, self._entrance, self._runs, self._put_out)
        self._now = WatchedClock(store.clock, self._clock_was_set).now  # asked by whoever holds the baton
        now = self._clock()
        self._renew_at = now + _RENEW_SECONDS
        self._poll_at = now
        self._changes_seen = 0
        self._wakes_at = now  # when the loop's thread wakes up by itself
        self._has_message = False  # whether that thread has a message, and waits for the baton with it
        self._running = True
        self._entering = threading.Lock()  # nobody enters behind the one who closes
        self._subscription = store.news.subscribe_to_others(lambda notice: bool(notice.lost), self._note)
        self._thread = threading.Thread(target=self._main, name="heliograph-loop", daemon=True)
        self._thread.start()

    # -- called from any thread

    def enter(self, wanted: Submission | Claim, *, is_patient: bool = False) -> OutputFuture:
        """Bring a workflow in; returns once it is stored. Raises what `entering` ends with.

        Args:
            wanted: what is asked for.
            is_patient: until somebody waits for its output, it may begin a moment later, with others.
        """
        reply = Told()
        entry = Entry(wanted, reply, depth(), is_patient)
        if not self._enter_here(entry):
            self._put(entry)
        return reply.wait()

    def entering(self, wanted: Submission | Claim) -> Future[OutputFuture]:
        """Bring a workflow in; the future is done once it is stored.

        Raises, or what the future raises:
            queue.Full: too many wait already.
            RuntimeError: somebody has it, or the engine is closed.
            WorkflowNotFoundError: a claim for an id that is not stored.
            StorageError: it can't be stored.
        """
        reply: Future[OutputFuture] = Future()
        self._put(Entry(wanted, reply))
        return reply

    def _put(self, entry: Entry) -> None:
        with self._entering:
            if not self._running:
                raise RuntimeError("the engine is closed")
            self._inbox.put(entry)

    def _enter_here(self, entry: Entry) -> bool:
        """Store it in the thread that brings it, if nobody is the loop now, and nothing waits for it."""
        if self._is_remote or not has_room():
            return False
        with undisturbed():
            if self._is_busy or not self._baton.acquire(blocking=False):
                return False
            try:
                is_open = self._running
                if is_open:
                    self._see_to(entry)
            finally:
                self._baton.release()
            if self._brought:
                self._inbox.put(Hurry())
            return is_open

    @property
    def _is_busy(self) -> bool:
        """Whether a message waits to be taken."""
        return self._has_message or not self._inbox.empty()

    @property
    def is_closed(self) -> bool:
        """Whether nobody gets in any more."""
        return not self._running

    @property
    def count(self) -> int:
        """How many runs it has."""
        return len(self._runs)

    def future_of(self, workflow: WorkflowRecord) -> OutputFuture | None:
        """The output of a workflow's newest run; None: it is not here, though an earlier one still may be."""
        run = self._runs.get(workflow.key)
        return None if run is None or run.run != workflow.run else run.future

    def note_cancelled(self, key: int) -> None:
        """A cancellation was stored by this process."""
        self._lost.append(key)
        self._inbox.put(Lost())

    def _note(self, notice: Notice) -> None:
        """Others stored something: of these runs, or nobody knows of which."""
        for key in notice.lost if not notice.anything else list(self._runs):
            if key in self._runs:
                self.note_cancelled(key)

    def _deliver(self, message: Receipt | Said) -> None:
        self._brought.append(message)
        # Who has the baton looks again after giving it back: nothing is left lying.
        while self._running and self._brought and self._baton.acquire(blocking=False):
            try:
                self._see_to(None)
            finally:
                self._baton.release()

    def _see_to(self, entry: Entry | None) -> None:
        """What the loop's thread would do with what was brought, done by the one that brings it."""
        try:
            now = self._now()
            try:
                if entry is not None:
                    self._entrance.add(entry)
                any_ended = self._take_brought(now)
                if entry is not None or (any_ended and not self._performer.unseen):
                    self._go_on(now)
                    if self._brought:
                        self._take_brought(self._now())
            except StorageError as error:
                self._start_over(error)
            if now + self._patience() < self._wakes_at and not self._is_busy:
                self._inbox.put(Hurry())
        except BaseException as error:
            self._inbox.put(Fault(error))

    def close(self) -> None:
        """Stop all work and give the lease up: what ran reads RESUMABLE."""
        with self._entering:
            if self._running:
                self._running = False
                self._inbox.put(Quit())
        self._store.lose_patience()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the thread

    def _main(self) -> None:
        self._store.make_room()  # while the workers start
        try:
            while self._turn():
                pass
            self._leave_off(RuntimeError("the engine was closed; `workflow.resume` goes on"))
        except BaseException as error:
            with self._entering:
                self._running = False
            with self._baton:  # one who brings a workflow right now may have it
                while not self._inbox.empty():  # nobody who entered may wait for ever
                    if isinstance(message := self._inbox.get_nowait(), Entry):
                        self._entrance.add(message)
                self._drop_all(error)
            raise
        finally:
            self._executor.close()
            self._retired.append(self._journal)
            with contextlib.suppress(StorageError):  # then the leases run out by themselves
                self._give_up_leases()

    def _clock_was_set(self, now: float, jump: float) -> None:
        self._renew_at = self._poll_at = now  # others go by the new time
        self._wakes_at += jump
        self._performer.shift(jump)

    def _turn(self) -> bool:
        """Take what arrived, and see to it; False: time to quit."""
        first = self._wait()
        self._has_message = first is not None
        self._performer.wait_for_company()
        # Nothing came, and somebody has the baton, and does what is due. Waiting for it would take
        # it from the one who brings the next receipt of a chain.
        if not self._baton.acquire(blocking=first is not None):
            return True
        self._has_message = False
        try:
            now = self._now()
            self._take_brought(now)
            for message in self._waiting(first):
                if isinstance(message, Quit):
                    return False
                self._take(message, now)
            self._go_on(now)
        except StorageError as error:
            self._start_over(error)
        finally:
            self._baton.release()
        return True

    def _go_on(self, now: float) -> None:
        """Commit if somebody waits for that, and do what is due."""
        if self._performer.unseen:
            self._performer.observe(now, self._find)
        self._performer.let_go_if_due(now)
        if self._performer.timers.next <= now:
            self._performer.ring(now, lambda run: self._runs.get(run.key) is run)
        pending, is_to_renew = self._performer.pending, now >= self._renew_at and bool(self._runs)
        must_commit = pending.urgent or self._entrance.waiting or is_to_renew
        if must_commit or pending.older_than(now - TICK_SECONDS):
            self._commit(now)
        if (self._runs or self._retired) and now >= self._poll_at:
            self._poll(now)

    def _wait(self) -> Message | None:
        """The next message; None: something is due before one came."""
        now, patience = self._clock(), TICK_SECONDS
        if self._baton.acquire(blocking=False):
            try:
                now, patience = self._now(), self._patience()
            finally:
                self._baton.release()
            if self._brought:
                patience = 0.0
        self._wakes_at = now + patience
        with contextlib.suppress(queue.Empty):
            return self._inbox.get(timeout=patience) if patience else self._inbox.get_nowait()
        return None

    def _waiting(self, first: Message | None) -> Iterator[Message]:
        """This message and those behind it, as many as one commit should carry."""
        if first is not None:
            yield first
        with contextlib.suppress(queue.Empty):
            for _ in range(_MOST_AT_ONCE):
                yield self._inbox.get_nowait()

    def _take_brought(self, now: float) -> bool:
        """What executors brought, as much as one commit should carry; whether any attempt ended."""
        any_ended = False
        for _ in range(min(len(self._brought), _MOST_AT_ONCE)):
            message = self._brought.popleft()
            if isinstance(message, Receipt):
                any_ended = True
                at = now if message.failure is None else self._now()  # then the pause begins
                self._performer.ended(self._find(message.key), message, at)
            else:
                self._performer.said(self._find(message.key), message.key, message.report, now)
        return any_ended

    def _take(self, message: Message, now: float) -> None:
        match message:
            case Entry():
                self._entrance.add(message)
            case Lost():
                self._look_for_lost()
            case Awaited():
                self._performer.hurry(now)
            case Fault(error):
                raise error

    def _patience(self) -> float:
        """Seconds to wait for a message."""
        if self._performer.pending.urgent or self._entrance.waiting:
            return 0.0
        if self._performer.unseen or self._performer.pending or self._performer.holds_back:
            return TICK_SECONDS  # a timer may be late by as much
        if not (self._runs or self._retired):
            return _FOREVER
        now = self._now()  # first: what is due moves along with a clock that was set
        due = min(self._poll_at, self._performer.timers.next)
        return max(min(due, self._renew_at) - now if self._runs else due - now, 0.001)

    # -- runs that are here, and not any more

    def _find(self, key: AttemptKey) -> LiveRun | None:
        run = self._runs.get(key.workflow)
        return run if run is not None and run.run == key.run else None

    def _poll(self, now: float) -> None:
        """Look for runs that were cancelled, or that another process took over."""
        self._look_for_lost()  # of those the storage tells no changes: they were made by this process
        began = steady_seconds()
        self._poll_at = now + self._store.news.patience(_POLL_SECONDS)
        with contextlib.suppress(StorageError):
            self._give_up_leases()
        changes = self._store.changes()
        if changes != self._changes_seen:
            self._changes_seen = changes
            self._look(self._runs.values())
            # Ten thousand runs take a while: whatever others store, looking takes no more than its share.
            took = steady_seconds() - began  # the clock may be set meanwhile
            self._poll_at = max(self._poll_at, now + (1 + _POLL_SHARE) * took)

    def _look_for_lost(self) -> None:
        keys = {self._lost.popleft() for _ in range(len(self._lost))}
        if runs := [self._runs[key] for key in keys if key in self._runs]:
            self._look(runs)

    def _look(self, runs: Iterable[LiveRun]) -> None:
        """See which of these runs are not ours any more, and lose them."""
        for key in self._store.checkpoints.not_running([(run.key, run.run) for run in runs]):
            run = self._runs[key]
            if run.machine.status in ACTIVE:
                self._lose(run)

    def _lose(self, run: LiveRun) -> None:
        """The run is not ours any more: stop what runs of it, and write nothing more."""
        now = self._now()
        self._performer.forget(run)
        self._performer.tell(run, Canceled(now), now)
        self._leave(run)
        run.tell_loss(self._store.checkpoints)

    # -- the commit between them

    def _commit(self, now: float) -> None:
        entries = self._entrance.take(now)
        changes = self._performer.pending.take()
        performer = self._performer
        awaiting, performer.awaiting = performer.awaiting, []
        over, performer.over = performer.over, []
        lease = self._store.lease_clock() + LEASE_SECONDS if now >= self._renew_at else None
        try:
            if self._retired:
                self._give_up_leases()
            committed = self._batches.commit(self._journal, entries, changes, lease)
            if lease is not None:
                self._renew_at = now + _RENEW_SECONDS
            now = self._now()
            performer.written(now)
            for entry, answer in zip(entries, committed.answers, strict=True):
                if isinstance(answer, Accepted):
                    self._let_in(entry, answer, now)
                else:
                    self._entrance.refuse(entry, answer)
            for key, number in committed.lost:
                run = self._runs.get(key)
                if run is not None and run.run == number:
                    self._lost_to_others(run)
            for run, event in awaiting:
                if self._runs.get(run.key) is not run:  # lost, or put out since it is damaged
                    continue
                if isinstance(event, Expanded):
                    run.name(event.first, committed.names[run.key][event.first])
                performer.tell(run, event, now)
            for run, finish, receipt in over:
                if self._runs.get(run.key) is run:
                    self._resolve(run, finish, receipt)
        except StorageError as error:
            self._start_over(error, entries)
        except BaseException as error:  # a fault of heliograph's own: nobody may wait for ever
            for entry in entries:
                self._entrance.fail(entry, error)
            raise
        while (next_one := self._admission.following()) is not None:
            self._performer.pending.started(self._runs[next_one], now)
            self._performer.begin(self._runs[next_one], now)

    def _let_in(self, entry: Entry, accepted: Accepted, now: float) -> None:
        before = self._runs.get(accepted.key)
        if before is not None:  # another process cancelled it, and this one resumed it before it looked
            self._lost_to_others(before)
        run = self._batches.accept(entry, accepted, is_closing=not self._running)
        if run is None:
            return
        self._runs[accepted.key] = run
        if entry.wanted.status is WorkflowStatus.RUNNING:
            self._performer.begin(run, now)

    def _resolve(self, run: LiveRun, finish: Finish, receipt: Receipt | None) -> None:
        """The end of the run is stored: it is here no more, and then those who wait for it are told."""
        if finish.failed is None:
            tell = run.telling(self._store.checkpoints)
        else:
            tell = run.telling_failure(finish.failed, receipt)
        self._leave(run)
        tell()

    def _put_out(self, run: LiveRun) -> None:
        self._performer.drop(run)
        self._leave(run)

    def _leave(self, run: LiveRun) -> None:
        del self._runs[run.key]
        self._admission.leave(run.key)

    def _lost_to_others(self, run: LiveRun) -> None:
        """News of the run can't be written: it was cancelled, or another engine took it over."""
        if run.machine.status in ACTIVE:
            self._lose(run)
        else:
            self._leave(run)
            run.tell_loss(self._store.checkpoints)

    # -- when the storage fails, and at the end

    def _start_over(self, error: StorageError, entries: Iterable[Entry] = ()) -> None:
        """Nothing can be stored, so nothing may go on: drop all runs, as a new owner.

        What they stored is kept; they can be resumed as soon as the storage works again.
        """
        self._performer.drop(*self._runs.values())
        self._drop_all(error, entries)
        self._retired.append(self._journal)
        self._journal = self._store.journal(self._new_owner(), late_facts)
        self._renew_at = self._now() + _RENEW_SECONDS

    def _drop_all(self, error: BaseException, entries: Iterable[Entry] = ()) -> None:
        for run in list(self._runs.values()):
            self._leave(run)
            if not run.future.done():
                run.future.fail(error)
        for entry in entries:
            self._entrance.fail(entry, error)
        self._entrance.fail_all(error)
        self._performer.clear()

    def _leave_off(self, error: BaseException) -> None:
        """Store what nobody waited for, ends of runs among it, and drop all others."""
        with self._baton:
            self._entrance.fail_all(error)
            self._take_brought(self._now())
            if self._performer.pending:
                self._commit(self._now())
            self._drop_all(error)

    def _give_up_leases(self) -> None:
        while self._retired:
            self._retired[-1].close()
            self._retired.pop()
