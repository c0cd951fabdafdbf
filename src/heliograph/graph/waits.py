"""Nodes that wait: for a time."""

from __future__ import annotations

from heliograph.graph.node import Node, TaskNode
from heliograph.graph.options import TaskOptions, seconds
from heliograph.graph.task import Task


def sleep_node(duration: float | Node) -> TaskNode:
    """A node whose output is None, some time after its turn has come.

    Args:
        duration: seconds; or a node that gives them.

    Raises:
        TypeError: not a number.
        ValueError: negative or infinite.
    """
    if isinstance(duration, Node):
        return Task(sleep_for).bind(duration)
    return Task(sleep, TaskOptions(sleep=seconds("workflow.sleep", duration))).bind()


def sleep() -> None:
    """What a sleep runs: nothing. The engine ends it when its time has come."""


def sleep_for(duration: float) -> TaskNode:
    """A sleep whose duration is known only now."""
    return sleep_node(duration)
