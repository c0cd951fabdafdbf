"""The coordinators of a storage: found or made, and which of them has which workflow."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import ray

from heliograph.engines.ray import internals
from heliograph.engines.ray.front import Front
from heliograph.engines.ray.order import NAMESPACE, Limits
from heliograph.engines.ray.worker import SENDER
from heliograph.errors import StorageError
from heliograph.storage.location import VARIABLE, Location

CONCURRENCY: Final = 100_000
"""Calls that a coordinator may have at once: each output that somebody waits for is one."""


class Coordinators:
    """The actors; those that there are not yet are made.

    Args:
        location: of the storage.
        limits: what each of them takes on.
        count: how many there are.

    Attributes:
        all: the actors.

    Raises:
        StorageError: nodes of the cluster can't reach the storage.
    """

    def __init__(self, location: Location, limits: Limits, count: int) -> None:
        _check_reach(location)
        # In a task, the coordinator that runs it: the paths of a worker are not quite those of its driver.
        inside = os.environ.get(SENDER) if os.environ.get(VARIABLE) == location.name else None
        name = _name(location)
        names = [inside] if inside else [f"{name}-{number}" if number else name for number in range(count)]
        self.all = [_actor(name, location, limits) for name in names]

    def of(self, workflow_id: str) -> Any:
        """The one that has a workflow, if all drivers count as many; any other can do what it does."""
        return self.all[zlib.crc32(workflow_id.encode("utf-8", "surrogatepass")) % len(self.all)]


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
        max_concurrency=CONCURRENCY,
    )
    return made.remote(name, location.name, limits)


def _name(location: Location) -> str:
    """Of the coordinator for this storage and the code and the actors that this driver sees."""
    code = [
        location.name,
        [os.path.abspath(entry) for entry in sys.path],
        dict(ray.get_runtime_context().runtime_env),
        internals.named_namespace(),  # where tasks find named actors
        sys.version,
        _version(),
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


def _version() -> str:
    try:
        return version("heliograph")
    except PackageNotFoundError:  # a source tree that was not installed has none
        return ""
