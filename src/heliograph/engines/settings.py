"""What `workflow.init` may be told, checked. It imports little: worker processes are started by it first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from heliograph.engines import place
from heliograph.engines.dags import needs_ray, only_waits, uses_ray
from heliograph.graph.checks import checked_flag, checked_number
from heliograph.graph.frozen import record
from heliograph.storage.location import Location, locate

if TYPE_CHECKING:
    from heliograph.graph.plan import Plan

EngineName = Literal["embedded", "ray"]
WorkerKind = Literal["processes", "threads"]


@record
class EngineSettings:
    """What an embedded engine is.

    Attributes:
        workers: ``processes`` or ``threads``.
        count: how many; None: as many as suits the machine.
        max_running: workflows that run at once; None: any number.
        max_pending: workflows that may wait for their turn; None: any number.
        recover: take over, unasked, what engines leave behind that are gone.
    """

    workers: WorkerKind = "processes"
    count: int | None = None
    max_running: int | None = None
    max_pending: int | None = None
    recover: bool = False


@record
class Settings:
    """What `workflow.init` was told, complete and checked.

    Attributes:
        location: of the storage.
        engine: ``embedded`` or ``ray``.
        workers: what the embedded engine runs tasks in, and how much any engine takes on.
        coordinators: on Ray, how many share the workflows; None: one.
        is_settled: whether the engine was named, or something that only the embedded one has.
    """

    location: Location
    engine: EngineName
    workers: EngineSettings
    coordinators: int | None
    is_settled: bool

    def is_for_ray(self, plan: Plan) -> bool:
        """Whether Ray runs it: for it was told so, or a task of the plan is a function of ``@ray.remote``.

        One that only waits is Ray's too where that is in use and nothing says otherwise, so that `ray.get`
        takes what `run_async` gives.
        """
        if self.engine == "ray" or needs_ray(plan):
            return True
        return not self.is_settled and uses_ray() and only_waits(plan)

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
    storage: str | os.PathLike[str] | None = None,
    engine: str | None = None,
    workers: str | None = None,
    num_workers: int | None = None,
    max_running_workflows: int | None = None,
    max_pending_workflows: int | None = None,
    recover: bool | None = None,
    coordinators: int | None = None,
) -> Settings:
    """Settings as a user gave them, checked; see `workflow.init`.

    Raises:
        TypeError: a number that is not an int.
        ValueError: a value that can't be.
    """
    name: EngineName
    named = engine or place.engine_here()
    match named:
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
            recover is not None and checked_flag("recover", recover),
        ),
        count,
        is_settled=any(given is not None for given in (named, workers, num_workers)),
    )
