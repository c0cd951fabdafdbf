"""Warnings from within the engine: they may not stop it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import Final

from heliograph.engines.attempts.executor import GRACE_SECONDS, Work

_SHOWN: Final = 3


def warn(what: str) -> None:
    """Tell the program; one that has made warnings errors is told nothing, and goes on."""
    with contextlib.suppress(RuntimeWarning):
        warnings.warn(what, RuntimeWarning, stacklevel=3)


def warn_of_blocked_loop(suspects: Sequence[Work], any_cancelled: bool, more: str) -> None:
    """Tell the program that async tasks wait to begin, and which of those that have begun may be why.

    Args:
        suspects: these, but for such as were cancelled.
        any_cancelled: whether there are such.
        more: what else is to be said of it.
    """
    who = [f"task {work.task_id!r} of workflow {work.workflow_id!r}" for work in suspects[:_SHOWN]]
    if len(suspects) > _SHOWN:
        who.append(f"one of {len(suspects) - _SHOWN} others")
    if any_cancelled:
        who.append("one that was cancelled")
    warn(
        f"async tasks wait for longer than {GRACE_SECONDS:.0f} s to begin: the event loop that they share is "
        f"blocked by {' or '.join(who)}, which computes, or waits without `await`. {more}"
    )
