"""The way in: workflows that are to be submitted or resumed, and what those who brought them are told."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from heliograph.engines.loop.live import LiveRun, resumed_run, submitted_run
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.warning import warn_of_other_code
from heliograph.errors import NothingToResumeError
from heliograph.records.status import WorkflowStatus
from heliograph.scheduling.admission import Admission
from heliograph.storage.entries import Accepted, Claim, Refused, Submission, Unstored
from heliograph.storage.store import Store


class Reply(Protocol):
    """Tells the one who brought a workflow what became of it; a `Future` is one."""

    def set_result(self, result: OutputFuture, /) -> None:
        """The workflow is in."""

    def set_exception(self, error: BaseException, /) -> None:
        """It is not in, for this reason."""

    def done(self) -> bool:
        """Whether the one who brought it was told."""


class Told:
    """A `Reply` for a thread that waits for it: one lock, where a `Future` has many parts.

    Most often that thread has stored the workflow itself meanwhile, and need not wait.
    """

    __slots__ = ("_error", "_output", "_untold")

    def __init__(self) -> None:
        self._output: OutputFuture | None = None
        self._error: BaseException | None = None
        self._untold = threading.Lock()
        self._untold.acquire()

    def set_result(self, result: OutputFuture, /) -> None:
        """As `Reply`."""
        self._output = result
        self._untold.release()

    def set_exception(self, error: BaseException, /) -> None:
        """As `Reply`."""
        self._error = error
        self._untold.release()

    def done(self) -> bool:
        """As `Reply`."""
        return not self._untold.locked()

    def wait(self) -> OutputFuture:
        """What was told; waits for it, and may be called once."""
        self._untold.acquire()
        if self._output is not None:
            return self._output
        assert self._error is not None
        try:
            raise self._error
        finally:
            del self  # else the error would hold what holds it


@dataclass(slots=True)
class Entry:
    """A workflow that wants in, and who waits for the answer.

    Attributes:
        wanted: what is asked for.
        reply: the answer: a future for the output, or why there is none.
        depth: see `LiveRun`.
        is_patient: see `LiveRun`.
        instead: what to submit if there is nothing to claim any more: somebody deleted it just now.
        place: where the workflow will be, running or pending; None: no place was taken yet.
    """

    wanted: Submission | Claim
    reply: Reply
    depth: int = 0
    is_patient: bool = False
    instead: Submission | None = None
    place: WorkflowStatus | None = None


class Entrance:
    """Workflows on their way in. All of it is called by the loop's thread.

    Args:
        store: where plans of resumed workflows are read.
        admission: who may run.
        hurry: called when somebody begins to wait for a workflow of which something is held back.
        look: called with the time: sees which workflows were cancelled, by whomever.

    Attributes:
        waiting: those who have come, and have no place yet.
        tokens: names for functions, unique in this engine.
    """

    def __init__(
        self,
        store: Store,
        admission: Admission,
        hurry: Callable[[], object],
        look: Callable[[float], object],
    ) -> None:
        self._store = store
        self._hurry = None if admission.is_limited else hurry  # else the next one waits for each end
        self._admission = admission
        self._look = look
        self.waiting: list[Entry] = []
        self.tokens = itertools.count()

    def add(self, entry: Entry) -> None:
        """A workflow wants in."""
        self.waiting.append(entry)

    def take(self, now: float) -> list[Entry]:
        """Those who have a place; the others are told that there is none."""
        if self._admission.lacks_room(sum(not entry.depth for entry in self.waiting)):
            self._look(now)  # one that was cancelled just now has none any more
        placed = []
        waiting, self.waiting = self.waiting, []
        for entry in waiting:
            if entry.depth:  # it has that of the workflow whose task runs it, and may wait for it
                placed.append(entry)
                continue
            entry.place = self._admission.take_place()
            if entry.place is None:
                entry.reply.set_exception(
                    queue.Full("as many workflows wait as max_pending_workflows allows")
                )
            else:
                if entry.wanted.status is not entry.place:
                    entry.wanted = replace(entry.wanted, status=entry.place)
                placed.append(entry)
        return placed

    def accept(self, entry: Entry, accepted: Accepted) -> LiveRun:
        """The workflow is this engine's."""
        future = OutputFuture(self._store.values, self._hurry)
        if isinstance(entry.wanted, Submission):
            run = submitted_run(entry.wanted, accepted, future, self.tokens)
        else:
            plan = self._store.checkpoints.plan(accepted.key)
            run = resumed_run(entry.wanted, accepted, plan, future, self.tokens)
            if entry.instead is not None:
                warn_of_other_code(entry.wanted.workflow_id, entry.instead.plan.functions, plan)
        run.depth, run.is_patient = entry.depth, entry.is_patient
        self._forget_instead(entry)
        self.settle(entry, accepted.key)
        entry.reply.set_result(future)
        return run

    def refuse(self, entry: Entry, refused: Refused | Unstored) -> None:
        """The workflow is not this engine's: say why, or try it the other way."""
        self.settle(entry, None)
        wanted, reply = entry.wanted, entry.reply
        if isinstance(wanted, Submission) and isinstance(refused, Refused):
            # The id is taken: then what is stored wins, and is resumed.
            claim = Claim(wanted.workflow_id, wanted.status, wanted.provenance, wanted.created_time)
            self.waiting.append(Entry(claim, reply, entry.depth, instead=wanted))
            return
        if entry.instead is not None and isinstance(refused, Refused) and refused.status is None:
            self.waiting.append(Entry(entry.instead, reply, entry.depth))
            return
        self._forget_instead(entry)
        if isinstance(refused, Unstored):
            reply.set_exception(refused.error)
        elif refused.status is WorkflowStatus.SUCCESSFUL and refused.output is not None:
            future = OutputFuture(self._store.values)
            future.give(refused.output)
            reply.set_result(future)
        elif refused.status is None:
            reply.set_exception(NothingToResumeError(f"No such workflow_id {wanted.workflow_id!r}"))
        else:
            reply.set_exception(
                RuntimeError(
                    f"workflow {wanted.workflow_id!r} is {refused.status} already: {way_out(refused.status)}"
                )
            )

    def settle(self, entry: Entry, key: int | None) -> None:
        """Put the workflow in its place, or give that back; once only."""
        self._admission.settle(entry.place, key)
        entry.place = None

    def fail(self, entry: Entry, error: BaseException) -> None:
        """Tell the one who brought the workflow that this failed; nobody can say whether it is stored."""
        self.settle(entry, None)
        self._forget_instead(entry)
        if not entry.reply.done():
            entry.reply.set_exception(error)

    def _forget_instead(self, entry: Entry) -> None:
        if entry.instead is not None:
            self._store.withdraw(entry.instead)

    def fail_all(self, error: BaseException) -> None:
        """Nobody gets in any more."""
        waiting, self.waiting = self.waiting, []
        for entry in waiting:
            self.fail(entry, error)


def way_out(status: WorkflowStatus) -> str:
    """What to do about a workflow that can't be begun, since it is stored already."""
    match status:
        case WorkflowStatus.PENDING:
            return "wait for it (one that was handed in needs a `heliograph worker`), or cancel it"
        case WorkflowStatus.RUNNING:
            return "wait for it, or cancel it"
        case WorkflowStatus.SUCCESSFUL:
            return "workflow.get_output has its output"
        case _:
            return "resume it"
