"""What one process has open: a store from the first question on, an engine from the first run on."""

from __future__ import annotations

import atexit
import os
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from heliograph.engines import place
from heliograph.engines.dags import needs_ray
from heliograph.engines.engine import Engine, EngineSettings, WorkerKind, submission
from heliograph.engines.entrance import way_out
from heliograph.engines.event_sender import EventSender
from heliograph.engines.outcome import OutputFuture
from heliograph.engines.waiting import Waiting, found, workflow_output_now
from heliograph.graph.plan import Plan
from heliograph.records.context import running
from heliograph.records.status import WorkflowStatus
from heliograph.storage.entries import Accepted, Refused, Unstored
from heliograph.storage.location import Location, locate
from heliograph.storage.store import Store

if TYPE_CHECKING:
    from heliograph.engines.ray.engine import RayEngine

EngineName = Literal["embedded", "ray"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What `workflow.init` was told, complete and checked.

    Attributes:
        location: of the storage.
        engine: ``embedded`` or ``ray``.
        workers: what the embedded engine runs tasks in, and how much any engine takes on.
        coordinators: on Ray, how many share the workflows; None: one.
    """

    location: Location
    engine: EngineName
    workers: EngineSettings
    coordinators: int | None = None

    def shown(self) -> dict[str, Any]:
        """By the names that `workflow.init` has for them."""
        return {
            "storage": self.location.shown,
            "engine": self.engine,
            "workers": self.workers.workers,
            "num_workers": self.workers.count,
            "max_running_workflows": self.workers.max_running,
            "max_pending_workflows": self.workers.max_pending,
            "recover": self.workers.recover,
            "coordinators": self.coordinators,
        }


def settings(
    storage: str | os.PathLike[str] | None,
    engine: str | None,
    workers: str | None,
    num_workers: int | None,
    max_running_workflows: int | None,
    max_pending_workflows: int | None,
    recover: bool | None = None,
    coordinators: int | None = None,
) -> Settings:
    """Settings as a user gave them, checked; see `workflow.init`.

    Raises:
        TypeError: a number that is not an int.
        ValueError: a value that can't be.
    """
    name: EngineName
    match engine or place.engine_here():
        case None | "embedded":
            name = "embedded"
        case "ray":
            name = "ray"
            if recover:
                raise ValueError(
                    "recover is an option of the embedded engine: on Ray, a coordinator that died is started "
                    "again and goes on by itself"
                )
            for option, given in (("workers", workers), ("num_workers", num_workers)):
                if given is not None:
                    raise ValueError(
                        f"{option} is an option of the embedded engine: on Ray, ray.init(num_cpus=...) and "
                        "each task's own num_cpus say how much runs at once"
                    )
        case _:
            raise ValueError(f"engine must be 'embedded' or 'ray', not {engine!r}")
    kind: WorkerKind
    match workers:
        case None | "processes":
            kind = "processes"
        case "threads":
            kind = "threads"
        case _:
            raise ValueError(f"workers must be 'processes' or 'threads', not {workers!r}")
    location = locate(storage)
    count = checked_number("coordinators", coordinators, least=1)
    if count is not None and count > 1:
        if engine == "embedded":
            raise ValueError(
                "coordinators is an option of the engine on Ray: the embedded engine is one by itself"
            )
        if location.path is not None:
            raise ValueError(
                f"coordinators={count} needs a storage on PostgreSQL, and {str(location.path)!r} is a file, "
                "which one process at a time writes: workflow.init(storage='postgresql://user@host/database')"
            )
    return Settings(
        location,
        name,
        EngineSettings(
            kind,
            checked_number("num_workers", num_workers, least=1),
            checked_number("max_running_workflows", max_running_workflows, least=1),
            checked_number("max_pending_workflows", max_pending_workflows, least=0),
            _switch("recover", recover),
        ),
        count,
    )


def _switch(name: str, value: bool | None) -> bool:
    """Yes or no; None: no."""
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def checked_number(name: str, value: int | None, least: int) -> int | None:
    """A limit; None where there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or None, not {value!r}")
    if value == -1:
        return None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, or -1 for no limit, not {value}")
    return value


def checked_seconds(name: str, value: float, least: float = 0.0) -> float:
    """A length of time; it may be infinite.

    Raises:
        TypeError: not a number.
        ValueError: less than the least, not a number by its value (nan), or too large for a float.

    >>> checked_seconds("grace", 20)
    20.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    try:
        seconds = float(value)
    except OverflowError:
        raise ValueError(f"{name} is an int too large for a number of seconds") from None
    if not seconds >= least:  # so that nan is refused too
        raise ValueError(f"{name} must be {least:.0f} s or more, not {value!r}")
    return seconds


class Session:
    """A store and, once something runs, an engine on it.

    Args:
        given: what to open.

    Attributes:
        settings: what it was opened with.
        store: the open store.
        sender: sends events to workflows.
        waiting: waits for what other engines store.

    Raises:
        StorageError: the storage can't be opened.
    """

    def __init__(self, given: Settings) -> None:
        self.settings = given
        self.store = Store(given.location)
        self.sender = EventSender(given.location)
        self.waiting = Waiting(self.store)
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
                self._engine = Engine(self.store, self.settings.workers)
            return self._engine

    @property
    def ray(self) -> RayEngine:
        """The engine on Ray; connected when it is first asked for.

        Raises:
            MissingExtraError: there is no Ray, or one that is too old.
            StorageError: nodes of the cluster can't reach the storage.
            ValueError: the coordinator that runs already has other limits.
        """
        with self._starting:
            if self._ray is None:
                from heliograph.engines.ray.engine import RayEngine
                from heliograph.engines.ray.order import Limits

                given = self.settings.workers
                limits = Limits(given.max_running, given.max_pending)
                self._ray = RayEngine(self.store, limits, self.settings.coordinators)
            return self._ray

    def submit(self, plan: Plan, workflow_id: str, user_metadata: str) -> OutputFuture:
        """Store a workflow for any engine on this storage to take; an id that is stored already is refused.

        Raises:
            RuntimeError: there is one of this id.
            queue.Full: as many wait as `max_pending` allows.
            StorageError: it can't be stored.
        """
        wanted = submission(plan, workflow_id, user_metadata, self.store, WorkflowStatus.PENDING)
        match self.store.handover.hand_in(wanted, self.settings.workers.max_pending):
            case None:
                self.store.withdraw(wanted)
                raise queue.Full("as many workflows wait as max_pending_workflows allows")
            case Refused():
                self.store.withdraw(wanted)
                status = found(self.store, workflow_id).status
                raise RuntimeError(
                    f"workflow {workflow_id!r} is {status} already: {way_out(status)}, or take another id"
                )
            case Unstored(error):
                raise error
            case Accepted() as handed_in:
                pass
        return self.waiting.wait_for(
            handed_in.key, lambda: workflow_output_now(self.store, workflow_id, is_handed_in=True)
        )

    def for_plan(self, plan: Plan) -> Engine | RayEngine:
        """The engine that runs it: Ray where a task of it is a function of ``@ray.remote``."""
        return self.ray if self.is_for_ray(plan) else self.engine

    def is_for_ray(self, plan: Plan) -> bool:
        """Whether Ray runs it: for it was told so, or a task of it is a function of ``@ray.remote``."""
        return self.settings.engine == "ray" or needs_ray(plan)

    def for_workflow(self, workflow_id: str) -> Engine | RayEngine:
        """The engine that goes on with a stored workflow: Ray where that had it last."""
        if self.settings.engine == "ray":
            return self.ray
        owner = found(self.store, workflow_id).run.owner
        return self.ray if owner is not None and owner.engine == "ray" else self.engine

    @property
    def embedded(self) -> Engine | None:
        """The embedded engine, if it was started."""
        return self._engine

    @property
    def started(self) -> list[Engine | RayEngine]:
        """The engines that were started."""
        return [engine for engine in (self._engine, self._ray) if engine is not None]

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        return self.settings.location.shown

    def close(self) -> None:
        """Stop the engine and close the store."""
        atexit.unregister(self.close)
        place.leave(self.settings.location)
        self.store.lose_patience()
        self.waiting.close()
        self.sender.close()
        with self._starting:
            for engine in self.started:
                engine.close()
            self.store.close()
