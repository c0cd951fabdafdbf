"""Listeners: how a workflow waits for something outside of it."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

from heliograph.graph.options import TaskOptions

_DEFAULTS: Final = TaskOptions()


class EventListener:
    """Waits for one event. Subclass it, and write `poll_for_event`.

    Many listeners wait on one event loop: they must await, and never block. Each of the two methods is called
    on an instance of its own, made without arguments: what `event_checkpointed` needs to know must be a part
    of the event.

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
        """The same listener, with options for the task that waits; ``@workflow.options(...)`` does the same.

        Args:
            **given: options as for `Task.options`, such as ``timeout``. ``checkpoint=False`` is refused:
                the sender of an event may forget it once it is acknowledged.

        Raises:
            ValueError: there is no such option (the message lists all), or its value is not valid.
            TypeError: a value has a wrong type.

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
        """Wait for the event, and return it. It must be something that can be pickled.

        Args:
            *args: the arguments of `workflow.wait_for_event`.
            **kwargs: its keyword arguments.
        """
        raise NotImplementedError(f"{type(self).__name__} has no poll_for_event")

    async def event_checkpointed(self, event: Any) -> None:
        """Called once the event is stored, to acknowledge it where it came from; after a crash, maybe again.

        Args:
            event: what `poll_for_event` returned.
        """
