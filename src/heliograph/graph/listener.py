"""Listeners: how a workflow waits for something outside of it."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

from heliograph.graph.options import TaskOptions

_DEFAULTS: Final = TaskOptions()


class EventListener:
    """Waits for one event.

    Subclass it and write `poll_for_event`. Many listeners wait on one event loop: they have to await, and
    must not block. Each of the two methods is called on a listener of its own, made without arguments: what
    `event_checkpointed` needs to know belongs in the event.

    >>> import asyncio
    >>> class Pause(EventListener):
    ...     async def poll_for_event(self, seconds: float) -> str:
    ...         await asyncio.sleep(seconds)
    ...         return "rested"
    >>> asyncio.run(Pause().poll_for_event(0.001))
    'rested'
    """

    _options: ClassVar[TaskOptions] = _DEFAULTS

    @classmethod
    def options(cls, **given: Any) -> type[Self]:
        """The same listener, with options of the task that waits; ``@workflow.options(...)`` gives them too.

        Args:
            **given: what `workflow.options` takes, such as ``timeout``, and `max_retries` and
                `retry_exceptions`. ``checkpoint=False`` is refused: who sent an event may forget it then.

        Raises:
            ValueError: an unknown option (the message lists the valid ones), or a value that can't be.
            TypeError: a value of a wrong type.

        >>> class Mail(EventListener): ...
        >>> Mail.options(timeout=3600, max_retries=0)
        <class '...Mail'>
        """
        options = cls._options.merged(given)
        if options.checkpoint is False:
            raise ValueError(f"an event is always stored: {cls.__qualname__} can't have checkpoint=False")
        place = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        return type(cls.__name__, (cls,), {**place, "_options": options})

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
