"""Whether a node of the cluster can have a task at all. Ray lets one wait for ever that none can."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import ray
from ray.util import placement_group_table
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from heliograph.engines.ray import task_options

LOOK_SECONDS: Final = 5.0
"""How old what is known of the nodes may be: they come and go."""
_BY_OPTION: Final = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
_OF_AN_ACCELERATOR: Final = 0.001  # of the resource by which Ray knows its type

Node = Mapping[str, Any]
"""As `ray.nodes` tells of it."""


class Placing:
    """What the nodes have, as it was a moment ago."""

    def __init__(self) -> None:
        self._nodes: Sequence[Node] = ()
        self._look_at = 0.0

    @property
    def cpus(self) -> float:
        """Of all nodes together, but one at least."""
        return max(1.0, sum([float(node["Resources"].get("CPU", 0)) for node in self._looked()]))

    def refusal(self, stored: str) -> str | None:
        """Why a task waits for what there is not; None: there is a node that can have it.

        Args:
            stored: its options of Ray's, as the plan has them.
        """
        options = task_options.restored(stored)
        strategy = options.get("scheduling_strategy")
        if isinstance(strategy, NodeAffinitySchedulingStrategy) and not strategy.soft:
            return None  # Ray lets it fail
        if isinstance(strategy, PlacementGroupSchedulingStrategy):  # Ray itself looks whether it has the room
            state = placement_group_table(strategy.placement_group).get("state")
            return None if state == "CREATED" else f"waits for its placement group, which is {state}"
        return lack(options, self._looked())

    def _looked(self) -> Sequence[Node]:
        if time.monotonic() >= self._look_at:
            self._nodes = [node for node in ray.nodes() if node["Alive"]]
            self._look_at = time.monotonic() + LOOK_SECONDS
        return self._nodes


@functools.lru_cache(maxsize=1024)
def is_modest(stored: str) -> bool:
    """Whether a task wants no more than most do: then it is not worth a look when it is sent."""
    options = task_options.restored(stored)
    wanted = demands(options)
    is_bound = "label_selector" in options or not isinstance(options.get("scheduling_strategy", ""), str)
    return wanted.keys() <= {"CPU"} and wanted.get("CPU", 0) <= 1 and not is_bound


def demands(options: Mapping[str, Any]) -> dict[str, float]:
    """The resources that a task with these options of Ray's asks a node for."""
    wanted = dict(options.get("resources") or {})
    for option, resource in _BY_OPTION.items():
        wanted[resource] = options.get(option, 1 if option == "num_cpus" else 0)
    if kind := options.get("accelerator_type"):
        wanted[f"accelerator_type:{kind}"] = _OF_AN_ACCELERATOR
    return {resource: amount for resource, amount in wanted.items() if amount}


def lack(options: Mapping[str, Any], nodes: Sequence[Node]) -> str | None:
    """What no node has of what these options of Ray's want, for people; None: one has all of it.

    >>> nodes = [
    ...     {"Labels": {"zone": "north"}, "Resources": {"CPU": 4}},
    ...     {"Labels": {"zone": "south"}, "Resources": {"CPU": 1, "disk": 2}},
    ... ]
    >>> lack({"num_cpus": 8}, nodes)
    'waits for a node: none of the cluster has CPU: 8 (the most that one has is 4)'
    >>> lack({"num_cpus": 2, "resources": {"disk": 1}}, nodes)
    'waits for a node: none of the cluster has all of disk: 1, CPU: 2'
    >>> lack({"label_selector": {"zone": "!in(north, south)"}}, nodes)
    "waits for a node: none of the cluster has labels as {'zone': '!in(north, south)'}"
    >>> lack({"label_selector": {"zone": "south"}, "num_cpus": 2}, nodes)
    "waits for a node: none with labels as {'zone': 'south'} has CPU: 2 (the most that one has is 1)"
    """
    which = "of the cluster"
    selectors = [options.get("label_selector"), *(options.get("fallback_strategy") or ())]
    if selectors[0]:
        wanted = [selectors[0], *[other["label_selector"] for other in selectors[1:]]]
        labels = f"labels as {' or '.join(map(repr, wanted))}"
        nodes = [node for node in nodes if any(_has_labels(node["Labels"], one) for one in wanted)]
        if not nodes:
            return f"waits for a node: none of the cluster has {labels}"
        which = f"with {labels}"
    return _lack_of(demands(options), [node["Resources"] for node in nodes], which)


def _has_labels(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Whether a node with these labels is one that is selected.

    >>> _has_labels({"zone": "north"}, {"zone": "in(north, south)", "kind": "!gpu"})
    True
    """
    for label, condition in selector.items():
        said = condition.removeprefix("!")
        values = said.removeprefix("in")[1:-1].split(",") if said.endswith(")") else [said]
        if (labels.get(label) in [value.strip() for value in values]) is (said != condition):
            return False
    return True


def _lack_of(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, float]], which: str) -> str | None:
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
    return f"waits for a node: none {which} has {said}"
