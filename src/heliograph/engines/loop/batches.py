"""Commits of an engine: a workflow that is damaged is left out and fails by itself; all others go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from heliograph.engines.attempts.failures import failure_of
from heliograph.engines.loop.entrance import Entrance, Entry
from heliograph.engines.loop.live import LiveRun
from heliograph.errors import StorageCorruptError
from heliograph.storage.entries import Accepted, Claim, RunChanges
from heliograph.storage.journal.journal import Batch, Committed, Journal
from heliograph.storage.store import Store


class Batches:
    """Commits batches. All of it is called by the loop's thread.

    Args:
        store: where it is stored that a run failed.
        entrance: tells those who brought workflows.
        runs: of the engine, by key.
        put_out: takes a run out of it.
    """

    def __init__(
        self,
        store: Store,
        entrance: Entrance,
        runs: Mapping[int, LiveRun],
        put_out: Callable[[LiveRun], object],
    ) -> None:
        self._store = store
        self._entrance = entrance
        self._runs = runs
        self._put_out = put_out

    def commit(
        self, journal: Journal, entries: list[Entry], changes: list[RunChanges], lease: float | None
    ) -> Committed:
        """As `Journal.commit`; what is damaged is taken out of both lists.

        Raises:
            StorageError: as there; it is not one workflow that is damaged.
        """
        while True:
            try:
                return journal.commit(Batch([entry.wanted for entry in entries], changes, lease))
            except StorageCorruptError as error:
                damaged = [entry for entry in entries if entry.wanted.workflow_id == error.workflow_id]
                runs = [run for run in self._runs.values() if run.workflow_id == error.workflow_id]
                if not damaged and not runs:
                    raise
                for entry in damaged:
                    entries.remove(entry)
                    self._entrance.fail(entry, error)
                for run in runs:
                    changes[:] = [change for change in changes if change.key != run.key]
                    self._fail(run, error)

    def accept(self, entry: Entry, accepted: Accepted, is_closing: bool) -> LiveRun | None:
        """As `Entrance.accept`; None: it is not let in.

        Either it is damaged, and has failed. Or the engine is being closed: to read the plan of what was
        claimed would hold that up, and the next engine that claims it will.
        """
        if is_closing and isinstance(entry.wanted, Claim):
            self._entrance.fail(entry, RuntimeError("the engine is closed"))
            return None
        try:
            return self._entrance.accept(entry, accepted)
        except StorageCorruptError as error:
            self._store.give_up(accepted.key, accepted.run, failure_of(error))
            self._entrance.fail(entry, error)
            return None

    def _fail(self, run: LiveRun, error: StorageCorruptError) -> None:
        self._put_out(run)
        try:
            self._store.give_up(run.key, run.run, failure_of(error))
        finally:
            run.future.fail(error)
