"""Listeners: how a workflow waits for something outside of it."""

from __future__ import annotations

from typing import Any


class EventListener:
    """Waits for one event; made anew for each `workflow.wait_for_event`.

    Subclass it and write `poll_for_event`. Many listeners wait on one event loop: they have to await, and
    must not block.

    >>> import asyncio
    >>> class Pause(EventListener):
    ...     async def poll_for_event(self, seconds: float) -> str:
    ...         await asyncio.sleep(seconds)
    ...         return "rested"
    >>> asyncio.run(Pause().poll_for_event(0.001))
    'rested'
    """

    async def poll_for_event(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for the event and return it; it has to be something that can be pickled.

        Args:
            *args: what `workflow.wait_for_event` was given after the listener.
            **kwargs: likewise.
        """
        raise NotImplementedError(f"{type(self).__name__} has no poll_for_event")

    async def event_checkpointed(self, event: Any) -> None:
        """The event is stored: it can be acknowledged where it came from. It may be told again after a crash.

        Args:
            event: what `poll_for_event` returned.
        """
