"""Whether who watches a workflow may expect more of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from heliograph.records.status import ACTIVE, WorkflowStatus

COMEBACK_SECONDS: Final = 30.0
"""So long a coordinator on Ray may take until it goes on with what it had when it died."""


class Lifetime:
    """How a workflow stands, as long as somebody looks.

    Args:
        clock: seconds, by any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gone_at: float | None = None

    def goes_on(self, status: WorkflowStatus, engine: str | None) -> bool:
        """Whether it runs or waits, or will again by itself: Ray starts a coordinator again that died.

        Args:
            status: of the workflow, as it was just read.
            engine: that has it, or had it last.
        """
        if status is not WorkflowStatus.RESUMABLE or engine != "ray":
            self._gone_at = None
            return status in ACTIVE
        now = self._clock()
        self._gone_at = now if self._gone_at is None else self._gone_at
        return now < self._gone_at + COMEBACK_SECONDS
