"""The coordinators of a storage: found or made, and which of them has which workflow."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from collections.abc import Callable
from typing import Any, Final

import ray
from ray.exceptions import ActorDiedError

from heliograph.engines.provenance import installed, version_of
from heliograph.engines.ray import internals
from heliograph.engines.ray.front import Front
from heliograph.engines.ray.order import NAMESPACE, Address, Limits
from heliograph.engines.ray.worker import SENDER
from heliograph.errors import StorageError
from heliograph.storage.location import VARIABLE, Location

_CONCURRENCY: Final = 100_000
"""Calls that a coordinator may have at once: each output that somebody waits for is one."""


class Coordinators:
    """The actors: those that are missing are made, and each is told that this driver has come.

    Args:
        location: of the storage.
        limits: what each of them takes on.
        count: how many there are.
        value: waits for what a reference stands for.

    Attributes:
        all: the actors.
        doors: of each, where it takes channels.

    Raises:
        StorageError: nodes of the cluster can't reach the storage.
        RuntimeError: a coordinator can't be started.
    """

    def __init__(
        self, location: Location, limits: Limits, count: int, value: Callable[[Any], Address]
    ) -> None:
        _check_reach(location)
        # In a task, the coordinator that runs it: the paths of a worker are not quite those of its driver.
        inside = os.environ.get(SENDER) if os.environ.get(VARIABLE) == location.name else None
        name = _name(location)
        names = [inside] if inside else [f"{name}-{number}" if number else name for number in range(count)]
        made = [_Called(name, location, limits) for name in names]  # they start side by side
        self.doors = dict([one.arrived(value) for one in made])
        self.all = list(self.doors)

    def of(self, workflow_id: str) -> Any:
        """The one that has a workflow, if all drivers have as many; any other can do what it does."""
        return self.all[zlib.crc32(workflow_id.encode("utf-8", "surrogatepass")) % len(self.all)]


class _Called:
    """A coordinator that was told of this driver.

    Args:
        name: its own.
        location: of the storage.
        limits: what it takes on, if it is made.
    """

    def __init__(self, name: str, location: Location, limits: Limits) -> None:
        self._given = name, location, limits
        self._actor = _actor(*self._given)
        self._door = ask_for_door(self._actor)

    def arrived(self, value: Callable[[Any], Address]) -> tuple[Any, Address]:
        """The actor, and where it takes channels; from now on it lives as long as this driver."""
        try:
            return self._actor, value(self._door)
        except RuntimeError as error:
            if not isinstance(error.__cause__, ActorDiedError):
                raise
        actor = _actor(*self._given)  # it was about to end; or it can't be started, which this one says too
        return actor, value(ask_for_door(actor))


def ask_for_door(actor: Any) -> Any:
    """A reference to where a coordinator takes channels; once that is there, it knows of this driver."""
    return actor.ask.remote("door", ray.get_runtime_context().get_job_id())


def _actor(name: str, location: Location, limits: Limits) -> Any:
    # A storage that is a file is most likely where the head is. And other nodes come and go.
    is_for_head = internals.HEAD in ray.cluster_resources() and location.path is not None
    made = ray.remote(Front).options(
        name=name,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        num_cpus=0,
        resources={internals.HEAD: 0.001} if is_for_head else None,
        scheduling_strategy=None if is_for_head else "SPREAD",
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=_CONCURRENCY,
    )
    return made.remote(name, location.name, limits, not internals.is_in_worker())


def _name(location: Location) -> str:
    """The name of the coordinator for this storage and the code and the actors that this driver sees."""
    code = [
        location.name,
        [os.path.abspath(entry) for entry in sys.path],
        dict(ray.get_runtime_context().runtime_env),
        internals.named_namespace(),  # where tasks find named actors
        internals.is_in_worker(),  # an actor may outlive its job: nobody knows when its coordinator may end
        sys.version,
        version_of("heliograph", installed(sys.path)),
    ]
    digest = hashlib.sha256(json.dumps(code, sort_keys=True, default=repr).encode()).hexdigest()
    return f"coordinator-{digest[:24]}"


def _check_reach(location: Location) -> None:
    """A file can be shared by one machine's nodes only."""
    if location.path is None:
        return
    machines = {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    if len(machines) > 1:
        raise StorageError(
            f"the storage {str(location.path)!r} is a file of one machine, and the Ray cluster has nodes on "
            f"{len(machines)} ({', '.join(sorted(machines))}): they can't share it. Use PostgreSQL: "
            "workflow.init(storage='postgresql://user@host/database')"
        )
