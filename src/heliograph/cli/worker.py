"""``heliograph worker``: an engine without a driver."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.importing import import_from_here
from heliograph.cli.signals import told_to_end
from heliograph.cli.storage import StorageOption, chosen, named
from heliograph.insight.wording import counted

_SAME_SECONDS: Final = 1.0
"""Two signals within so long are one: a supervisor tells the process, and then its whole group."""
_PATIENCE_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 0.2


def worker(
    context: typer.Context,
    workers: Annotated[
        str, typer.Option(metavar="KIND", help="What tasks run in: processes or threads.")
    ] = "processes",
    num_workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="How many of them.", show_default="as suits the machine"),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="At most so many workflows at once.",
            show_default="4 for each of --num-workers, or else of the CPUs; at least 16",
        ),
    ] = None,
    max_running_workflows: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Take none while so many run, over all engines of the storage."
        ),
    ] = None,
    max_deaths: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="A workflow fails once so many engines in a row died with it; default: 10.",
        ),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long what runs may go on when it is told to stop."),
    ] = 20.0,
    storage: StorageOption = None,
) -> None:
    """Run workflows that were handed in, or lost their engine.

    They are handed in by workflow.run_async(..., detach=True).

    Told to stop by SIGTERM or Ctrl-C, it takes no more, finishes what it has or hands it back to others, and
    exits with 0; told again, it hands back at once.
    """
    if workers not in ("processes", "threads"):
        raise typer.BadParameter(
            f"there are processes and threads, not {workers!r}", param_hint="'--workers'"
        )
    import_from_here()
    place = chosen(context, storage)
    settings = {
        "storage": place,
        "engine": "embedded",
        "workers": workers,
        "num_workers": num_workers,
        "max_running_workflows": max_running_workflows,
    }
    with _stopped_by_signals() as stop:
        if not _opened(settings, stop):
            return
        limits = [
            f"with {_counted(num_workers, workers)}" if num_workers else f"with {workers}",
            *([f"{at_once} at once"] if at_once else []),
            *([f"none while {max_running_workflows} run there"] if max_running_workflows else []),
        ]
        who = f"{socket.gethostname()}:{os.getpid()}"
        typer.echo(f"heliograph worker {who} takes workflows of {named(place)}, {', '.join(limits)}")
        left = workflow.work(stop, at_once=at_once, grace=grace, max_deaths=max_deaths)
    if left:
        typer.echo(f"handed back {counted(left, 'workflow')} that did not end in time")


def _counted(number: int, workers: str) -> str:
    """How many workers of a kind, in words.

    >>> _counted(1, "processes"), _counted(1, "threads"), _counted(2, "threads")
    ('1 process', '1 thread', '2 threads')
    """
    one = {"processes": "process", "threads": "thread"}
    return f"{number} {one.get(workers, workers) if number == 1 else workers}"


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """What the first signal to end sets; the second one raises KeyboardInterrupt."""
    stop, told_at = threading.Event(), 0.0

    def told(_number: int) -> None:
        nonlocal told_at
        if not stop.is_set():
            told_at = time.monotonic()
            stop.set()
        elif time.monotonic() - told_at > _SAME_SECONDS:
            raise KeyboardInterrupt

    with told_to_end(told):
        yield stop


def _opened(settings: dict[str, Any], stop: threading.Event) -> bool:
    """Open the storage; a server that is away is waited for, as a worker that runs already does.

    Returns:
        Whether it is open; False: it was told to stop meanwhile.
    """
    end: float | None = None
    while not stop.is_set():
        try:
            workflow.init(**settings)
            return True
        except workflow.StorageUnreachableError as error:
            if end is None:
                # From here on: who was stopped for as long, in the middle of its first try, tries again too.
                end = time.monotonic() + _PATIENCE_SECONDS
                typer.echo(f"heliograph worker waits for up to {_PATIENCE_SECONDS:.0f} s: {error}", err=True)
            elif time.monotonic() > end:
                raise
            stop.wait(_AGAIN_SECONDS)
    return False
