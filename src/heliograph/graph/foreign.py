"""What other libraries make and a plan may hold: an engine that knows such things says here how to take them.

Nothing is registered until that engine is imported, and then looking costs one `dict.get` an object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from heliograph.graph.node import Node

_NODES: Final[dict[type, Callable[[Any], Node]]] = {}
_FUNCTIONS: Final[dict[type, Callable[[Any], Any]]] = {}


def register_node(kind: type, convert: Callable[[Any], Node]) -> None:
    """Objects of exactly this type are nodes.

    Args:
        kind: the type.
        convert: makes the node of one; it may refuse with TypeError or ValueError.
    """
    _NODES[kind] = convert


def register_function(kind: type, unwrap: Callable[[Any], Any]) -> None:
    """Objects of exactly this type hold a function.

    Args:
        kind: the type.
        unwrap: gives the function.
    """
    _FUNCTIONS[kind] = unwrap


def node_of(value: Any) -> Node | None:
    """The node that a foreign object stands for; None: it is not one."""
    convert = _NODES.get(type(value))
    return None if convert is None else convert(value)


def function_of(value: Any) -> Any:
    """The function that a foreign object holds; of anything else, the thing itself."""
    unwrap = _FUNCTIONS.get(type(value))
    return value if unwrap is None else unwrap(value)
