"""Taking workflows that no engine has, unasked: those of engines that are gone, and those handed in."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final

from heliograph.engines.outcome import OutputFuture
from heliograph.engines.provenance import provenance
from heliograph.engines.warning import warn
from heliograph.errors import StorageCorruptError, StorageError, WorkflowNotFoundError
from heliograph.graph.frozen import record
from heliograph.host.cpus import usable_cpus
from heliograph.records.status import RunReason, WorkflowStatus
from heliograph.storage.entries import Claim
from heliograph.storage.store import Store

LOOK_SECONDS: Final = 1.0
"""How soon the end of an engine is noticed, once its process is gone or its lease has run out."""
MOST_DEATHS: Final = 10
"""So many engines in a row may die with a workflow, and none of its tasks succeed meanwhile."""
_AT_ONCE: Final = 100  # workflows that are taken in one look, at most
_LEAST: Final = 16  # workflows at once, however few the workers


@record
class TakeoverLimits:
    """What an engine takes unasked.

    Attributes:
        handed_in: workflows that were handed in for any engine too, and not only those that lost theirs.
        own: only while it has fewer than so many itself; None: any number.
        limit: only while fewer than so many run, over all engines; None: any number.
        most_deaths: none with which so many engines in a row died: such a one has failed.
    """

    handed_in: bool = False
    own: int | None = None
    limit: int | None = None
    most_deaths: int = MOST_DEATHS


class Takeover:
    """The thread that looks for such workflows.

    Args:
        store: where they are.
        enter: brings a workflow into the engine.
        count: how many it has.
        limits: what it takes.
    """

    def __init__(
        self,
        store: Store,
        enter: Callable[[Claim], Future[OutputFuture]],
        count: Callable[[], int],
        limits: TakeoverLimits,
    ) -> None:
        self._store = store
        self._enter = enter
        self._count = count
        self._limits = limits
        self._entering = threading.Lock()
        self._stopping = threading.Event()
        self._taken: list[Future[OutputFuture]] = []  # the last ones that were brought in
        self._woken = threading.Event()
        # Room for another one comes with the end of one, its own or any other.
        self._subscription = store.news.subscribe(lambda notice: notice.unowned, lambda _: self._woken.set())
        self._thread = threading.Thread(target=self._main, name="heliograph-takeover", daemon=True)
        self._thread.start()

    def stop(self, patience: float) -> None:
        """Take nothing more; what is being taken is waited for, for so many seconds.

        A look that is under way is not: it may take long, and nothing comes of it.
        """
        with self._entering:
            self._stopping.set()
        self._woken.set()
        wait(self._taken, patience)

    def join(self) -> None:
        """After `stop`: wait for the end of that look, before the storage is closed."""
        self._thread.join()

    def _main(self) -> None:
        is_told = False
        while not self._stopping.is_set():
            try:
                while self._take():
                    pass
                is_told = False
            except StorageError as error:  # what can't be had now may be in a moment
                if not (is_told or self._stopping.is_set()):
                    warn(f"no workflow is taken until this has passed: {error}")
                    is_told = True
            except RuntimeError:
                return  # the engine is closed
            # That a process died nobody tells; so it looks often, whoever could wake it.
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()

    def _take(self) -> bool:
        """Take what there is, as far as there is room; whether it is worth looking again at once."""
        own = self._limits.own
        room = _AT_ONCE if own is None else min(_AT_ONCE, own - self._count())
        if room <= 0 or self._stopping.is_set():
            return False
        found = self._store.handover.unowned(room, handed_in=self._limits.handed_in)
        claims = [self._claim(workflow_id) for workflow_id in found]
        with self._entering:
            if self._stopping.is_set():  # meanwhile: whoever waits for that has not long
                return False
            self._taken = [self._enter(claim) for claim in claims]
        return sum(map(_is_in, self._taken)) > 0  # all are waited for: what is in counts

    def _claim(self, workflow_id: str) -> Claim:
        return Claim(
            workflow_id,
            WorkflowStatus.RUNNING,
            provenance(),
            self._store.clock(),
            RunReason.RECOVERED,
            self._limits.limit,
            self._limits.most_deaths,
        )


def default_own(workers: int | None) -> int:
    """How many workflows an engine has at once, if nobody says: enough that its workers have work.

    Args:
        workers: how many it has; None: as suits the machine.
    """
    return max(_LEAST, 4 * (workers or usable_cpus()))


def _is_in(taken: Future[OutputFuture]) -> bool:
    try:
        taken.result()
    except (RuntimeError, WorkflowNotFoundError, queue.Full):
        return False  # another engine was first, or it was deleted, or there is no room: nothing is amiss
    except StorageCorruptError:
        return False  # that one; the others are well
    return True
