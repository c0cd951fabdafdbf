"""The listeners there are, by the name of the module that programs of `ray.workflow` know them from."""

from __future__ import annotations

import time

from heliograph.engines.http_listener import HTTPListener
from heliograph.graph.listener import EventListener

__all__ = ["EventListener", "HTTPListener", "TimerListener"]


class TimerListener(EventListener):
    """Waits until a time; `workflow.sleep` waits for a while.

    >>> import asyncio
    >>> asyncio.run(TimerListener().poll_for_event(time.time() + 0.001))
    """

    async def poll_for_event(self, timestamp: float) -> None:
        """Wait for the time.

        Args:
            timestamp: when, Unix seconds; one that is over is not waited for.
        """
        import asyncio  # late: every import of `heliograph.workflow` would bring it

        await asyncio.sleep(timestamp - time.time())
