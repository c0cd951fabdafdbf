"""DAGs as users give them, heliograph's own and Ray's: what is one, and what plan it makes.

Ray is not imported here, and by nothing else on this floor: whoever has a DAG of Ray's has imported it.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from heliograph.errors import MissingExtraError
from heliograph.graph.node import Inputs, Node
from heliograph.graph.options import GivenOptions
from heliograph.graph.task import TaskNode

if TYPE_CHECKING:
    from heliograph.graph.plan import Plan


class DecoratingOptions(GivenOptions):
    """As `GivenOptions`; they decorate functions of ``@ray.remote`` too."""

    __slots__ = ()

    def __call__(self, task: Any) -> Any:
        """Give the options to a task, or to a function of ``@ray.remote``: the form with ``@``."""
        if _is_of_ray(task):
            from heliograph.engines.ray import internals

            if internals.is_remote_function(task):
                return internals.with_labels(task, self)
        return super().__call__(task)


def checked_dag(dag: Any, call: str) -> TaskNode:
    """The node of a DAG that was given to a call.

    Args:
        dag: a node of heliograph's, or of Ray's.
        call: what it was given to, for the error.

    Raises:
        TypeError: it is not a DAG, or one of actors.
        ValueError: a task of it has several outputs.
    """
    node = node_of(dag)
    if isinstance(node, TaskNode):
        return node
    raise TypeError(f"{call} takes a DAG, such as `task.bind(...)`, not {dag!r}")


def node_of(value: Any) -> Node | None:
    """The node that a value is, one of heliograph's or of Ray's; None: it is none.

    Raises:
        TypeError: it is a node of actors, or one of several outputs.
        ValueError: it is the call of a function with several outputs.
    """
    if isinstance(value, Node):
        return value
    if "ray.dag" in sys.modules and _is_of_ray(value):
        from heliograph.graph import foreign

        _know_ray()
        return foreign.node_of(value)
    return None


def plan_of(dag: Node, inputs: Inputs) -> Plan:
    """The plan of a DAG, as `make_plan`; nodes of Ray's may be among its arguments."""
    # Late: it brings pickling, and a module may only define tasks.
    from heliograph.graph.plan import make_plan

    if "ray.dag" in sys.modules:
        _know_ray()
    elif uses_ray():  # it may have references
        with contextlib.suppress(MissingExtraError):  # of one that is too old, and does not run this
            _know_references()
    return make_plan(dag, inputs)


def needs_ray(plan: Plan) -> bool:
    """Whether a task of the plan is a function of ``@ray.remote``."""
    return {planned.options.ray for planned in plan.tasks} != {None}


def only_waits(plan: Plan) -> bool:
    """Whether the plan is made of sleeps and events alone, which any engine can wait for."""
    return all(task.options.is_wait or task.options.sleep is not None for task in plan.tasks)


def uses_ray() -> bool:
    """Whether this process is connected to a cluster of Ray's."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def _is_of_ray(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "ray"


def _know_references() -> None:
    from heliograph.engines.ray import convert

    convert.install()


def _know_ray() -> None:
    from heliograph.engines.ray import convert

    convert.install_nodes()
