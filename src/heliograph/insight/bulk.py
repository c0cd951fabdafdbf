"""Making very many objects at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def much_is_made() -> Iterator[None]:
    """Pause the collector of cyclic garbage.

    It looks through all there is, again and again while that grows, and finds none: of the time that the
    profile of 200,000 tasks takes, it would be a third.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
