"""The engine on Ray, as a driver has it: finds or makes the coordinator, and talks to it."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NoReturn

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayError, RayTaskError

from heliograph.engines.engine import submission
from heliograph.engines.outcome import load_value
from heliograph.engines.provenance import known_provenance, provenance
from heliograph.engines.ray import convert, internals, task_options
from heliograph.engines.ray.client import CoordinatorClient
from heliograph.engines.ray.coordinators import Coordinators, ask_for_door
from heliograph.engines.ray.exceptions import in_driver
from heliograph.engines.ray.order import Entering, Limits
from heliograph.graph.plan import Plan
from heliograph.records.attempt import StoredValue
from heliograph.records.context import running
from heliograph.records.status import WorkflowStatus
from heliograph.records.workflow import WorkflowRecord
from heliograph.storage.entries import Claim, Provenance, Standing, Submission
from heliograph.storage.store import Store

_LOOK_SECONDS: Final = 2.0  # how often one who waits looks whether the cluster still is there
_RUNS: Final = 64  # of so many runs whose tasks run workflows themselves is kept what they were started with


class RayEngine:
    """One driver's way to the coordinators; connects to Ray, as Ray itself does, where nobody has.

    Args:
        store: where everything is kept.
        limits: what each coordinator is to take on; None: what it does already, or anything.
        coordinators: how many share the workflows; None: there is one.

    Raises:
        StorageError: nodes of the cluster can't reach the storage.
        RuntimeError: a coordinator can't be started.
        ValueError: a coordinator runs with other limits.
    """

    def __init__(self, store: Store, limits: Limits, coordinators: int | None) -> None:
        self._store = store
        if not ray.is_initialized():
            ray.init()
        convert.install()
        internals.leave_cancellations_unsaid()
        self._cluster = ray.get_runtime_context().gcs_address
        self._connection = _connection()
        self._of_runs = functools.lru_cache(_RUNS)(self._of_run)
        self._coordinators = Coordinators(store.location, limits, coordinators or 1, self.value)
        self._clients = {actor: CoordinatorClient(door) for actor, door in self._coordinators.doors.items()}
        if limits != Limits():
            self._check_limits(limits)

    def submit(self, plan: Plan, workflow_id: str, user_metadata: str) -> Any:
        """As `Engine.submit`; a reference to the output."""
        return self._begin(self._submission(plan, workflow_id, user_metadata))

    def begin(self, plan: Plan, workflow_id: str, user_metadata: str) -> Callable[[], Any]:
        """As `Engine.begin`; a small output that is there in no time needs no reference."""
        wanted, request = self._submission(plan, workflow_id, user_metadata), uuid.uuid4().hex
        actor = self._coordinators.of(workflow_id)
        # A task of Ray that waits lends its CPU to others, but only where Ray sees it wait.
        patience = _LOOK_SECONDS if wanted.parent is None else 0.0
        output = self._enter(actor, Entering(request, wanted, patience))
        if output is not None:
            return functools.partial(load_value, output, self._store.values)
        return functools.partial(self.value, actor.ask.remote("output", request, workflow_id))

    def resume(self, workflow_id: str) -> Any:
        """As `Engine.resume`; a reference to the output."""
        return self._begin(
            Claim(workflow_id, WorkflowStatus.RUNNING, self._provenance(), self._store.clock())
        )

    def output_of(self, workflow: WorkflowRecord) -> Any:
        """A reference to the output of a workflow, whoever runs it."""
        actor = self._coordinators.of(workflow.workflow_id)
        return actor.ask.remote("output_of", workflow.workflow_id, workflow.key)

    def awaited_output(self, workflow: WorkflowRecord, task_id: str | None, asker: str | None) -> Any:
        """A reference to what `waiting.looking` looks for, whoever runs it."""
        actor = self._coordinators.of(workflow.workflow_id)
        return actor.ask.remote("awaited_output", workflow.key, workflow.workflow_id, task_id, asker)

    def value(self, reference: Any) -> Any:
        """What a reference of this engine stands for, once it is there.

        Raises:
            RuntimeError: it never will be: the coordinator is gone, or the cluster is.
            Exception: it can't be loaded here; as `load_value`.
        """
        is_missed = False
        while True:
            try:
                return ray.get(reference, timeout=_LOOK_SECONDS)
            except RayTaskError as error:
                raise in_driver(error.cause) from error.cause.__cause__
            except GetTimeoutError:  # not yet; Ray itself would try for a minute, and then end the process
                pass
            except (RayError, ConnectionError) as error:
                unloaded = getattr(error, "client_exc", None)  # of a `RaySystemError`; else that is text
                if isinstance(unloaded, Exception):
                    raise unloaded from unloaded.__cause__
                self._gone(error)
            was_missed, is_missed = is_missed, not internals.answers(self._cluster)
            if was_missed and is_missed:
                why = f"nothing answers at {self._cluster}, or the raylet of this node is gone."
                self._gone(ConnectionError(why))

    @property
    def is_connected(self) -> bool:
        """Whether this process still has the connection that it had.

        One that is made anew, to the same cluster, is another job, which knows nothing of this one's actors.
        """
        return ray.is_initialized() and _connection() == self._connection

    def note_cancelled(self, workflow: Standing) -> None:
        """Its cancellation was just stored: stop what runs of it."""
        if self.is_connected:  # else its coordinator sees in a moment what was stored
            self._coordinators.of(workflow.workflow_id).ask.remote("note_cancelled", workflow.key)

    def close(self) -> None:
        """Let go; the coordinator and its workflows go on."""

    def memory(self) -> list[tuple[int, int]]:
        """Of each coordinator its process, and the bytes that are resident of it."""
        return [self.value(actor.ask.remote("memory")) for actor in self._coordinators.all]

    def _submission(self, plan: Plan, workflow_id: str, user_metadata: str) -> Submission:
        wanted = submission(_on_ray(plan), workflow_id, user_metadata, self._store)
        return replace(wanted, provenance=self._provenance())

    def _provenance(self) -> Provenance:
        """Of the program; in a task, as the run has it that the task belongs to: a worker's own is Ray's."""
        task = running.get()
        of_run = None if task is None else self._of_runs(task.workflow_id, task._workflow, task.run)
        return of_run or _with_ray(known_provenance())

    def _of_run(self, workflow_id: str, key: int, number: int) -> Provenance | None:
        record = self._store.queries.workflow(workflow_id)
        if record is None or record.key != key:  # it is in another storage
            return None
        for run in self._store.queries.runs(key):
            if run.run == number:
                code, argv = json.dumps(dict(run.code)), json.dumps(list(run.argv))
                return Provenance(code, run.user, argv, provenance().hostname)
        return None

    def _begin(self, wanted: Submission | Claim) -> Any:
        """Have it stored; a reference to the output."""
        actor, request = self._coordinators.of(wanted.workflow_id), uuid.uuid4().hex
        self._enter(actor, Entering(request, wanted))
        return actor.ask.remote("output", request, wanted.workflow_id)

    def _enter(self, actor: Any, entering: Entering) -> StoredValue | None:
        """Have a workflow stored; its output, if that came with the answer."""
        client = self._clients.get(actor)
        if client is None:
            client = self._clients[actor] = CoordinatorClient(self.value(ask_for_door(actor)))
        entered = client.enter(entering)
        if entered is not None:
            return entered.output
        if client.is_broken:
            self._clients.pop(actor, None)
        self.value(actor.ask.remote("enter", entering.request, entering.wanted))
        return None

    def _check_limits(self, wanted: Limits) -> None:
        in_force: Limits = self.value(self._coordinators.all[0].ask.remote("limits"))
        for name in ("running", "pending"):
            asked, has = getattr(wanted, name), getattr(in_force, name)
            if asked is not None and asked != has:
                raise ValueError(
                    f"workflow.init: max_{name}_workflows is {has!r} in the coordinator that runs already, "
                    f"and can't be {asked!r} too"
                )

    def _gone(self, error: Exception) -> NoReturn:
        why = "the coordinator" if isinstance(error, ActorDiedError | ActorUnavailableError) else "Ray"
        raise RuntimeError(
            f"{why} is gone: {type(error).__name__}: {str(error).splitlines()[0]} What was stored is kept: "
            "`workflow.resume` goes on once a cluster is there"
        ) from error


def _on_ray(plan: Plan) -> Plan:
    """The plan, each task of it with options of Ray's: none where it was given none."""
    known = {id(planned.options): planned.options for planned in plan.tasks}
    changed = {
        number: replace(options, ray=task_options.NONE)
        for number, options in known.items()
        if options.ray is None
    }
    if not changed:
        return plan
    return replace(
        plan,
        tasks=tuple(
            replace(planned, options=changed.get(id(planned.options), planned.options))
            for planned in plan.tasks
        ),
    )


def _connection() -> tuple[str, str, str]:
    """Tells this process's connection from others: a cluster made anew at its address has the same jobs."""
    here = ray.get_runtime_context()
    return here.gcs_address, here.get_job_id(), here.get_node_id()


@functools.cache
def _with_ray(known: Provenance) -> Provenance:
    return replace(known, code_json=json.dumps(json.loads(known.code_json) | {"ray": ray.__version__}))
