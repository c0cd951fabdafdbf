"""What the loop finds in its inbox, besides what wants in."""

from __future__ import annotations

from heliograph.engines.loop.entrance import Entry
from heliograph.graph.frozen import record


@record
class Lost:
    """A workflow may have been cancelled, or taken over: look now, not at the next poll."""


@record
class Quit:
    """End the loop."""


@record
class Hurry:
    """Something is due sooner than the loop's thread knows."""


@record
class Awaited:
    """Somebody waits for a workflow whose begin, or whose end, is held back."""


@record
class Fault:
    """A fault of heliograph's own, in a thread that brought something."""

    error: BaseException


Message = Entry | Lost | Quit | Hurry | Awaited | Fault
