"""Whether a node of the cluster can have a task at all. Ray lets one wait for ever that none can."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import ray

from heliograph.engines.ray import task_options

_NODES_SECONDS: Final = 5.0
_BY_OPTION: Final = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}


class Placing:
    """What the nodes have, as it was a moment ago."""

    def __init__(self) -> None:
        self._nodes: list[Mapping[str, float]] = []
        self._look_at = 0.0

    def refusal(self, stored: str) -> str | None:
        """Why a task waits for a node that there is not; None: there is one.

        Args:
            stored: its options of Ray's, as the plan has them.
        """
        wanted = demands(task_options.restored(stored))
        if wanted.keys() == {"CPU"} and wanted["CPU"] <= 1:
            return None  # as most have it: not worth a look
        if time.monotonic() >= self._look_at:
            self._nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            self._look_at = time.monotonic() + _NODES_SECONDS
        return lack(wanted, self._nodes)


def demands(options: Mapping[str, Any]) -> dict[str, float]:
    """The resources that a task with these options of Ray's asks a node for."""
    wanted = dict(options.get("resources") or {})
    for option, resource in _BY_OPTION.items():
        amount = options.get(option, 1 if option == "num_cpus" else 0)
        if amount:
            wanted[resource] = amount
    return {resource: amount for resource, amount in wanted.items() if amount}


def lack(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]]) -> str | None:
    """What no node has, for people; None: one has all of it.

    >>> lack({"CPU": 2, "disk": 1}, [{"CPU": 4}, {"CPU": 8}])
    'waits for a node: none of the cluster has disk: 1 (the most that one has is 0)'
    >>> lack({"CPU": 2, "disk": 1}, [{"CPU": 4}, {"CPU": 1, "disk": 2}])
    'waits for a node: none of the cluster has all of CPU: 2, disk: 1'
    """
    if any(all(node.get(resource, 0) >= amount for resource, amount in wanted.items()) for node in nodes):
        return None
    most = {resource: max((node.get(resource, 0) for node in nodes), default=0) for resource in wanted}
    lacking = [
        f"{resource}: {amount:g} (the most that one has is {most[resource]:g})"
        for resource, amount in wanted.items()
        if most[resource] < amount
    ]
    said = ", ".join(lacking) or "all of " + ", ".join(
        f"{name}: {amount:g}" for name, amount in wanted.items()
    )
    return f"waits for a node: none of the cluster has {said}"
