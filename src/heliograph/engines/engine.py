"""An engine: a store, the loop, and an executor, with a start and a close."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from heliograph.engines.attempts.executor import Deliver, Executor
from heliograph.engines.loop.loop import Loop
from heliograph.engines.loop.takeover import MOST_DEATHS, Takeover, TakeoverLimits, default_own
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.provenance import provenance
from heliograph.engines.settings import EngineSettings
from heliograph.engines.waiting import Waiting, workflow_output_now
from heliograph.graph.plan import Plan
from heliograph.records.context import running
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import WorkflowRecord
from heliograph.scheduling.admission import Admission
from heliograph.storage.entries import Claim, Standing, Submission
from heliograph.storage.liveness import this_process
from heliograph.storage.store import Store

if TYPE_CHECKING:
    from heliograph.engines.embedded.processes import ProcessExecutor


class Engine:
    """The embedded engine; it starts when it is made.

    Args:
        store: where everything is kept; it stays open after `close`.
        settings: what workers, and how many.
        early: its worker processes, where they were started before it.
        waiting: waits for what other engines store; None: nobody is to.
    """

    def __init__(
        self,
        store: Store,
        settings: EngineSettings,
        early: ProcessExecutor | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        self._store = store
        self._waiting = waiting
        self._loop = Loop(
            store,
            lambda: this_process("embedded", store.lease_clock()),
            partial(_executor, settings, store.location.name, early),
            Admission(settings.max_running, settings.max_pending),
        )
        self._takeover = self._taking(TakeoverLimits()) if settings.recover else None
        self._settings = settings

    def submit(self, plan: Plan, workflow_id: str, user_metadata: str) -> OutputFuture:
        """Store a workflow and begin it; an id that is stored already is resumed, and its own plan wins.

        Raises:
            RuntimeError: it is running or pending already.
            queue.Full: too many are pending.
            StorageError: it can't be stored.
        """
        wanted = submission(plan, workflow_id, user_metadata, self._store)
        return self._entered(wanted, is_patient=True)

    def begin(self, plan: Plan, workflow_id: str, user_metadata: str) -> Callable[[], Any]:
        """As `submit`; what it returns waits for the output, and gives it."""
        return self._entered(submission(plan, workflow_id, user_metadata, self._store)).result

    def _entered(self, wanted: Submission, *, is_patient: bool = False) -> OutputFuture:
        try:
            return self._loop.enter(wanted, is_patient=is_patient)
        except RuntimeError:
            current = running.get()
            if current is None or current.attempt == 1:
                raise
            record = self._store.queries.workflow(wanted.workflow_id)
            if record is None or record.parent != current.workflow_id:
                raise
            if record.status not in ACTIVE:  # it has ended meanwhile
                return self._loop.enter(wanted, is_patient=is_patient)
            # An attempt before this one began it, and has failed or can't be stopped: it goes on.
            if (mine := self._loop.future_of(record)) is not None:
                return mine
            if self._waiting is None:
                raise
            look = partial(workflow_output_now, self._store, record.key, wanted.workflow_id)
            return self._waiting.wait_for(record.key, look)

    def resume(self, workflow_id: str) -> OutputFuture:
        """Go on with a stored workflow; of a successful one, its output again.

        Raises:
            WorkflowNotFoundError: there is none of this id.
            RuntimeError, queue.Full, StorageError: as `submit`.
        """
        return self._loop.enter(Claim(workflow_id, WorkflowStatus.RUNNING, provenance(), self._store.clock()))

    def take(self, own: int | None, most_deaths: int | None = None) -> None:
        """Take workflows that were handed in, and those that lost their engine, until `stop_taking`.

        Args:
            own: only while it has fewer than so many itself; None: as suits its workers.
            most_deaths: none with which so many engines in a row died; None: `MOST_DEATHS`.
        """
        if self._takeover is not None:
            self._takeover.stop(0)
            self._takeover.join()
        own, limit = own or default_own(self._settings.count), self._settings.max_running
        limits = TakeoverLimits(True, own, limit, most_deaths or MOST_DEATHS)
        self._takeover = self._taking(limits)

    def stop_taking(self, patience: float) -> None:
        """Take no more workflows unasked; what is being taken is waited for, for so many seconds."""
        if self._takeover is not None:
            self._takeover.stop(patience)

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self._loop.is_closed

    @property
    def count(self) -> int:
        """How many workflows it has."""
        return self._loop.count

    def _taking(self, limits: TakeoverLimits) -> Takeover:
        return Takeover(self._store, self._loop.entering, lambda: self._loop.count, limits)

    def output_of(self, workflow: WorkflowRecord) -> OutputFuture | None:
        """What `submit` gave for the workflow, if this engine runs it now."""
        return self._loop.future_of(workflow)

    def value(self, output: OutputFuture) -> Any:
        """What `submit` and its like give, once it is there."""
        return output.result()

    def note_cancelled(self, workflow: Standing) -> None:
        """Its cancellation was just stored: stop what runs of it."""
        self._loop.note_cancelled(workflow.key)

    def close(self) -> None:
        """Stop all work; what ran reads RESUMABLE."""
        self._store.lose_patience()
        self.stop_taking(0)  # what comes in now goes at once
        self._loop.close()
        if self._takeover is not None:
            self._takeover.join()


def submission(
    plan: Plan,
    workflow_id: str,
    user_metadata: str,
    store: Store,
    status: WorkflowStatus = WorkflowStatus.RUNNING,
) -> Submission:
    """A workflow that this process submits; its large arguments are stored here and now.

    Raises:
        StorageError: they can't be.
    """
    parent = running.get()
    plan, arguments, folder = store.with_arguments(plan)
    return Submission(
        workflow_id,
        plan,
        arguments,
        user_metadata,
        status,
        provenance(),
        store.clock(),
        parent=None if parent is None else parent.workflow_id,
        folder=folder,
    )


def _executor(
    settings: EngineSettings, storage: str, early: ProcessExecutor | None, deliver: Deliver
) -> Executor:
    if early is not None:
        early.deliver = deliver
        return early
    if settings.workers == "threads":
        from heliograph.engines.embedded.threads import ThreadExecutor

        return ThreadExecutor(deliver, settings.count)
    from heliograph.engines.embedded.processes import ProcessExecutor

    executor = ProcessExecutor(deliver, settings.count, storage)
    executor.warm()  # they start while the first workflow is being stored
    return executor
