"""Names that `ray.workflow` had and `heliograph.workflow` has not: what is said to programs that use them."""

from __future__ import annotations

from typing import Final

_ACTORS: Final = "Ray 2.0 took virtual actors away: hand the state on with `workflow.continuation`"

INSTEAD: Final = {
    "create": "Ray 2.0 took it away: `workflow.run(dag)` takes a DAG as it is",
    "get_actor": _ACTORS,
    "step": "Ray 2.0 took it away: declare it with `@ray.remote`, make nodes with `.bind(...)`",
    "virtual_actor": _ACTORS,
    "wait": "Ray 2.0 took it away: `ray.wait` takes what `workflow.run_async` gives",
    "workflow_context": "`workflow.current()` has the `workflow_id` and the `task_id`",
}
"""By name, what there is in its place."""


def said_of(name: str) -> str:
    """What is there instead of a name, to be put behind the error of Python's own; nothing, if it never was.

    >>> said_of("run_asynk")
    ''
    """
    instead = INSTEAD.get(name)
    return "" if instead is None else f". {instead}; see docs/migration.md"
