"""Nodes that wait: for a time, or for an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from heliograph.graph.identifiers import safe_name
from heliograph.graph.listener import EventListener
from heliograph.graph.node import Node
from heliograph.graph.options import TaskOptions, seconds
from heliograph.graph.task import Task, TaskNode


def sleep_node(duration: float | Node) -> TaskNode:
    """A node whose output is None, some time after its turn has come.

    Args:
        duration: seconds; or a node that gives them.

    Raises:
        TypeError: not a number.
        ValueError: negative or infinite.
    """
    if isinstance(duration, Node):
        return _SLEEP_FOR.bind(duration)
    return TaskNode(_SLEEP, TaskOptions(sleep=seconds("workflow.sleep", duration)), (), {})


def sleep() -> None:
    """What a sleep runs: nothing. The engine ends it when its time has come."""


def sleep_for(duration: float) -> TaskNode:
    """A sleep whose duration is known only now."""
    return sleep_node(duration)


_SLEEP: Final = Task(sleep)
_SLEEP_FOR: Final = Task(sleep_for)

_ACKNOWLEDGE: Final = TaskOptions(is_wait=True)


def event_node(listener: type[EventListener], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskNode:
    """A node whose output is the event that a listener waits for.

    It is two tasks: one waits for the event; the other depends on it, so it begins once the event is stored,
    and tells a new instance of the listener so.

    Args:
        listener: a subclass of `EventListener`.
        args: for its `poll_for_event`; nodes among them, at any depth, arrive as their values.
        kwargs: likewise.

    Raises:
        TypeError: not a listener, or one whose methods are not ``async def``.
    """
    from heliograph.graph.function import is_coroutine_function  # brings pickling: not for every import

    given: object = listener
    if not (isinstance(given, type) and issubclass(given, EventListener)):
        raise TypeError(
            f"workflow.wait_for_event takes a subclass of workflow.EventListener, not {given!r}"
            + (": give its class" if isinstance(given, EventListener) else "")
        )
    for method in ("poll_for_event", "event_checkpointed"):
        if not is_coroutine_function(getattr(listener, method)):
            raise TypeError(
                f"{listener.__qualname__}.{method} must be `async def`: many listeners share a loop"
            )
    name = f"{listener.__module__}.{listener.__qualname__}"
    # The event is always stored, whatever a workflow says of its other outputs: its sender may forget it.
    waiting = replace(listener._options, checkpoint=True, is_wait=True)
    polled = Task(poll_for_event, replace(waiting, name=waiting.name or safe_name(f"{name}.poll_for_event")))
    acknowledge = acknowledge_caught if waiting.catch_exceptions else event_checkpointed
    told = Task(acknowledge, replace(_ACKNOWLEDGE, name=safe_name(f"{name}.event_checkpointed")))
    return told.bind(listener, polled.bind(listener, *args, **kwargs))


async def poll_for_event(listener: type[EventListener], /, *args: Any, **kwargs: Any) -> Any:
    """What the first task of an event runs: the wait itself."""
    return await listener().poll_for_event(*args, **kwargs)


async def event_checkpointed(listener: type[EventListener], event: Any) -> Any:
    """What the second task of an event runs: the event is stored."""
    await listener().event_checkpointed(event)
    return event


async def acknowledge_caught(listener: type[EventListener], outcome: tuple[Any, Any]) -> tuple[Any, Any]:
    """As `event_checkpointed`, where the wait may have failed: then there is nothing to acknowledge."""
    event, error = outcome
    if error is None:
        await listener().event_checkpointed(event)
    return outcome
