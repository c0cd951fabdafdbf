"""Warnings from within the engine: they may not stop it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Sequence
from typing import Final

from heliograph.engines.attempts.executor import GRACE_SECONDS, Work
from heliograph.graph.function import Function
from heliograph.storage.questions.checkpoints import StoredPlan

_SHOWN: Final = 3
_blocked: Final[dict[str | tuple[str, type[Warning], int], int]] = {}


def warn(what: str, told: dict[str | tuple[str, type[Warning], int], int] | None = None) -> None:
    """Tell the program; one that has made warnings errors is told nothing, and goes on.

    Each time: `warnings.warn` would tell a text once, and keep it, for as long as the process lives.

    Args:
        what: is told.
        told: what was told before, which is not told again; None: it is told each time.
    """
    caller = sys._getframe(2)
    with contextlib.suppress(RuntimeWarning):
        warnings.warn_explicit(
            what,
            RuntimeWarning,
            caller.f_code.co_filename,
            caller.f_lineno,
            caller.f_globals["__name__"],
            registry=told,
        )


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
        f"blocked by {' or '.join(who)}, which computes, or waits without `await`. {more}",
        _blocked,  # for as long as it is, each task that comes would have it told again
    )


def warn_of_other_code(workflow_id: str, given: Sequence[Function], stored: StoredPlan) -> None:
    """Tell the program which functions of the DAG that it gave are not those that its resume runs.

    Workers import the functions of modules by their names, as they are by now. Those of a main script or a
    notebook are stored with the workflow: only these may be others in the program.

    Args:
        workflow_id: of the workflow.
        given: the functions of the DAG that came with an id that is stored.
        stored: what is resumed.
    """
    payloads = {payload for _, payload, _ in stored.payloads}
    sources: dict[str, set[str | None]] = {}
    for (name, _, _), source in zip(stored.payloads, stored.sources, strict=True):
        sources.setdefault(name, {None}).add(source)
    others = {
        name: None
        for function in given
        if function.payload not in payloads
        and (name := f"{function.module}.{function.qualname}") in sources
        and function.source_hash not in sources[name]
    }
    if others:
        names = ", ".join([*others][:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
        warn(
            f"workflow {workflow_id!r} goes on with the functions that are stored with it, and this program "
            f"has others by now of these names: {names}. "
            "To run the new ones, give another id; or keep them in a module, which a resume imports as it is"
        )
