"""What one process has open: a store from the first question on, an engine from the first run on."""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from heliograph.engines import place
from heliograph.engines.dags import uses_ray
from heliograph.engines.engine import Engine, submission
from heliograph.engines.event_sender import EventSender
from heliograph.engines.loop.entrance import way_out
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.provenance import known_provenance
from heliograph.engines.settings import Settings
from heliograph.engines.waiting import Waiting, found, looking, standing, workflow_output_now
from heliograph.errors import (
    NothingToResumeError,
    StorageCorruptError,
    WorkflowCancellationError,
    WorkflowExecutionError,
    WorkflowNotFoundError,
)
from heliograph.graph.plan import Plan
from heliograph.records.context import Current, running
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import WorkflowRecord
from heliograph.storage.entries import Accepted, Refused, Standing, Unstored
from heliograph.storage.questions.listings import Listing
from heliograph.storage.store import Store

if TYPE_CHECKING:
    from heliograph.engines.embedded.processes import ProcessExecutor
    from heliograph.engines.ray.engine import RayEngine


class Session:
    """A store and, once something runs, an engine on it.

    Args:
        given: what to open.
        early: the engine's worker processes, where they were started before the store was opened.

    Attributes:
        settings: what it was opened with.
        store: the open store.
        place: where that is, for people.
        sender: sends events to workflows.
        waiting: waits for what other engines store.

    Raises:
        StorageError: the storage can't be opened.
    """

    def __init__(self, given: Settings, early: ProcessExecutor | None) -> None:
        self.settings = given
        self.store = Store(given.location)
        self.place = given.location.shown
        self.sender = EventSender(given.location)
        self.waiting = Waiting(self.store)
        self._early = early
        self._engine: Engine | None = None
        self._ray: RayEngine | None = None
        self._starting = threading.Lock()
        atexit.register(self.close)
        if running.get() is None:  # one that a task opens is not where that task's own workflow is stored
            place.enter(given.location)
        if given.workers.recover:
            _ = self.engine  # it has something to do though nobody asks it

    @property
    def engine(self) -> Engine:
        """The engine; started when it is first asked for."""
        with self._starting:
            if self._engine is None:
                self._engine = Engine(self.store, self.settings.workers, self._early, self.waiting)
            return self._engine

    @property
    def ray(self) -> RayEngine:
        """The engine on Ray; connected when it is first asked for, and again after `ray.shutdown`.

        Raises:
            MissingExtraError: there is no Ray, or one that is too old.
            StorageError: nodes of the cluster can't reach the storage.
            RuntimeError: the coordinator can't be started.
            ValueError: the coordinator that runs already has other limits.
        """
        with self._starting:
            if self._ray is None or not self._ray.is_connected:
                from heliograph.engines.ray.engine import RayEngine
                from heliograph.engines.ray.order import Limits

                given = self.settings.workers
                limits = Limits(given.max_running, given.max_pending)
                self._ray = RayEngine(self.store, limits, self.settings.coordinators)
            return self._ray

    def standing(self, workflow_id: str) -> Standing:
        """As `waiting.standing`."""
        return standing(self.store, workflow_id)

    def found(self, workflow_id: str) -> WorkflowRecord:
        """As `waiting.found`."""
        return found(self.store, workflow_id)

    def submit(self, plan: Plan, workflow_id: str, user_metadata: str) -> OutputFuture:
        """Store a workflow for any engine on this storage to take; an id that is stored already is refused.

        Raises:
            RuntimeError: there is one of this id.
            queue.Full: as many wait as `max_pending` allows.
            StorageError: it can't be stored.
        """
        wanted = submission(plan, workflow_id, user_metadata, self.store, WorkflowStatus.PENDING)
        wanted = replace(wanted, provenance=known_provenance())  # a worker's repository may be another one
        match self.store.handover.hand_in(wanted, self.settings.workers.max_pending):
            case None:
                self.store.withdraw(wanted)
                raise queue.Full("as many workflows wait as max_pending_workflows allows")
            case Refused():
                self.store.withdraw(wanted)
                status = self.found(workflow_id).status
                raise RuntimeError(
                    f"workflow {workflow_id!r} is {status} already: {way_out(status)}, or take another id"
                )
            case Unstored(error):
                raise error
            case Accepted() as handed_in:
                pass
        return self.waiting.wait_for(
            handed_in.key,
            lambda: workflow_output_now(self.store, handed_in.key, workflow_id, is_handed_in=True),
        )

    def for_plan(self, plan: Plan) -> Engine | RayEngine:
        """The engine that runs it."""
        return self.ray if self.settings.is_for_ray(plan) else self.engine

    def for_workflow(self, workflow_id: str) -> Engine | RayEngine:
        """The engine that goes on with a stored workflow: Ray where that had it last."""
        if self.settings.engine == "ray":
            return self.ray
        try:
            last = self.found(workflow_id).engine
        except WorkflowNotFoundError as error:
            raise NothingToResumeError(*error.args) from None
        return self.ray if last == "ray" else self.engine

    def resume_all(self, include_failed: bool) -> Listing[tuple[str, Any]]:
        """As `workflow.resume_all`; of the damaged ones also those whose ids can't be read."""
        wanted = {WorkflowStatus.RESUMABLE} | ({WorkflowStatus.FAILED} if include_failed else set())
        waiting, damaged = self.store.queries.workflows(wanted)
        waiting.sort(key=lambda record: record.stored_status is WorkflowStatus.PENDING)
        resumed: list[tuple[str, Any]] = [
            (one.workflow_id, _failed(one)) for one in damaged if one.workflow_id is not None
        ]
        for record in waiting:
            workflow_id = record.workflow_id
            try:
                resumed.append((workflow_id, self.for_workflow(workflow_id).resume(workflow_id)))
            except WorkflowNotFoundError:
                continue  # deleted meanwhile
            except (StorageCorruptError, queue.Full) as error:  # of this one; the caller gets the others
                resumed.append((workflow_id, _failed(error)))
            except RuntimeError:
                if self.store.queries.workflow(workflow_id) is None:
                    raise
                # Another process resumed it first: then it is running, which is what was asked for.
        return Listing(resumed, damaged)

    def output(self, workflow_id: str, task_id: str | None) -> Any:
        """As `workflow.get_output`."""
        current = running.get()
        asker = current.task_id if current is not None and current.workflow_id == workflow_id else None
        try:
            record = self.found(workflow_id)
            if current is not None and task_id is not None:
                self._say_if_missing(record, task_id, current)
            if self._has_to_ask_ray(record):
                return self.ray.value(self._ray_output(record, task_id, asker))
            try:
                return self._stored_output(record, task_id, asker).result()
            except (WorkflowExecutionError, WorkflowCancellationError, ValueError) as error:
                raise self._raised(error, record) from error.__cause__
        except StorageCorruptError:
            self.found(workflow_id)  # where somebody deleted it meanwhile, that is the error
            raise

    def _say_if_missing(self, workflow: WorkflowRecord, task_id: str, asker: Current) -> None:
        """A task is to wait for one that there is not: it may for ever, where tasks wait for each other."""
        if workflow.status in ACTIVE and self.store.checkpoints.source_of(workflow.key, task_id) is None:
            with contextlib.suppress(RuntimeError):  # the attempt is over
                asker.log(f"get_output waits: workflow {workflow.workflow_id!r} has no task {task_id!r} yet")

    def output_to_come(self, workflow_id: str, task_id: str | None) -> Any:
        """As `workflow.get_output_async`."""
        record = self.found(workflow_id)
        if self._is_referred_to(record):
            return self._ray_output(record, task_id)
        return self._stored_output(record, task_id)

    def _ray_output(self, workflow: WorkflowRecord, task_id: str | None, asker: str | None = None) -> Any:
        if task_id is None and asker is None:
            return self.ray.output_of(workflow)
        return self.ray.awaited_output(workflow, task_id, asker)

    def _stored_output(
        self, workflow: WorkflowRecord, task_id: str | None, asker: str | None = None
    ) -> OutputFuture:
        # Of a workflow that is over, what is stored tells all; its engine may not have seen yet that it is.
        is_on = workflow.stored_status in ACTIVE
        if is_on and task_id is None and asker is None and self._engine is not None:
            mine = self._engine.output_of(workflow)
            if mine is not None:
                return mine
        look = looking(workflow.key, workflow.workflow_id, task_id, asker)
        return self.waiting.wait_for(workflow.key, lambda: look(self.store))

    def cancel(self, workflow_id: str) -> None:
        """As `workflow.cancel`."""
        while not self.store.cancel((known := self.standing(workflow_id)).key):
            status = self.found(workflow_id).status
            if status is WorkflowStatus.CANCELED:
                return
            if status in (WorkflowStatus.SUCCESSFUL, WorkflowStatus.FAILED):
                raise ValueError(f"workflow {workflow_id!r} can't be cancelled: it is {status}")
            # It was over, and somebody resumed it in between.
        for engine in self._started:
            engine.note_cancelled(known)

    def _is_referred_to(self, workflow: WorkflowRecord) -> bool:
        """Whether an output to come is a reference of Ray's: `init` said so, or it is a workflow of Ray's.

        A process that is not connected to Ray need not be, to read what is stored.
        """
        return self.settings.engine == "ray" or (workflow.engine == "ray" and uses_ray())

    def _has_to_ask_ray(self, workflow: WorkflowRecord) -> bool:
        """Whether only Ray can tell what becomes of it: a coordinator that died has another life in a moment.

        Of a workflow that is over, what is stored tells all.
        """
        return self.settings.engine == "ray" or (
            workflow.stored_status in ACTIVE and self._is_referred_to(workflow)
        )

    def _raised(self, error: BaseException, workflow: WorkflowRecord) -> BaseException:
        """An error that was found in the storage, as the engine of the workflow raises it."""
        if not self._is_referred_to(workflow):
            return error
        from heliograph.engines.ray.exceptions import in_driver, on_ray

        return in_driver(on_ray(error))

    @property
    def _started(self) -> list[Engine | RayEngine]:
        """The engines that were started."""
        return [engine for engine in (self._engine, self._ray) if engine is not None]

    def close(self) -> None:
        """Stop the engine and close the store."""
        atexit.unregister(self.close)
        place.leave(self.settings.location)
        self.store.lose_patience()
        self.waiting.close()
        self.sender.close()
        with self._starting:
            for engine in self._started:
                engine.close()
            if self._early is not None:  # no engine may ever have taken them
                self._early.close()
            self.store.close()


def _failed(error: Exception) -> Future[Any]:
    failed: Future[Any] = Future()
    failed.set_exception(error)
    return failed
