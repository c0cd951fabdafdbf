"""News that wait for the next commit."""

from __future__ import annotations

from typing import Final

from heliograph.engines.attempts.executor import Receipt, Running
from heliograph.engines.loop.live import Begun, LiveRun
from heliograph.records.attempt import Phases, StoredValue
from heliograph.records.report import Report
from heliograph.records.status import ACTIVE, AttemptStatus, TaskStatus
from heliograph.storage.entries import AttemptEntry, AttemptReport, Ending, Expansion, RunChanges

_NONE: Final = RunChanges(0, 0)


class PendingChanges:
    """Collects what happened in each run since the last commit.

    Attributes:
        urgent: somebody waits for a part of it.
    """

    def __init__(self) -> None:
        self.urgent = False
        self._of: dict[tuple[int, int], RunChanges] = {}
        self._runs: dict[tuple[int, int], LiveRun] = {}
        self._since: float | None = None
        self._last_run: LiveRun | None = None  # most news in a row are of one run
        self._last = _NONE

    def __bool__(self) -> bool:
        return bool(self._of)

    def older_than(self, time: float) -> bool:
        """Whether some of it is from before this time."""
        return self._since is not None and self._since <= time

    def shift(self, seconds: float) -> None:
        """The clock was set by so much."""
        if self._since is not None:
            self._since += seconds

    def take(self) -> list[RunChanges]:
        """All of it; none is left here."""
        for key, changes in self._of.items():
            changes.progress = self._runs[key].machine.progress
        taken = list(self._of.values())
        self._of, self._runs, self._since, self.urgent = {}, {}, None, False
        self._last_run = None
        return taken

    def mark(self, run: LiveRun, task: int, status: TaskStatus, now: float) -> None:
        """A task has a new status."""
        self._changes(run, now).tasks[task] = status

    def begun(self, run: LiveRun, running: Running) -> None:
        """A worker has an attempt."""
        task, attempt = running.key.task, running.key.attempt
        begun = run.begun[task] = run.begun[task]._replace(
            phases=Phases(submitted=running.submitted, started=running.started), worker=running.worker
        )
        self._changes(run, running.started).attempts[task, attempt] = AttemptEntry(
            task,
            attempt,
            AttemptStatus.RUNNING,
            begun.created,
            begun.ready,
            begun.phases,
            begun.inputs_size,
            begun.worker,
            backoff=begun.backoff,
        )

    def said(self, run: LiveRun, task: int, attempt: int, report: Report, now: float) -> None:
        """An attempt said something. Nobody waits for that to be stored."""
        self._changes(run, now).said.append(AttemptReport(task, attempt, report))

    def closed(
        self,
        run: LiveRun,
        task: int,
        attempt: int,
        status: AttemptStatus,
        now: float,
        receipt: Receipt | None,
    ) -> None:
        """An attempt ended: what its end brings is told after it.

        Args:
            run: its run.
            task: its task.
            attempt: its number.
            status: how it went.
            now: Unix seconds.
            receipt: what its worker says; None, or of another attempt, where it was stopped.
        """
        begun = run.begun.pop(task)
        if receipt is not None and receipt.key[2:] != (task, attempt):  # of another attempt of the run
            receipt = None
        self._changes(run, now).attempts[task, attempt] = AttemptEntry(
            task,
            attempt,
            status,
            begun.created,
            begun.ready,
            receipt.phases if receipt else begun.phases._replace(finished=now),
            begun.inputs_size,
            receipt.worker if receipt else begun.worker,
            receipt.resources if receipt else None,
            receipt.failure if receipt else None,
            begun.backoff,
        )
        self._hurry(run)

    def checkpoint(self, run: LiveRun, task: int, output: StoredValue | None, now: float) -> None:
        """A task succeeded; its output is to be stored unless it is None."""
        changes = self._changes(run, now)
        changes.tasks[task] = TaskStatus.SUCCESSFUL
        if output is not None:
            changes.outputs[task] = output

    def damaged(self, run: LiveRun, task: int, now: float) -> None:
        """A task's stored output can't be read: it is forgotten, so that a resume makes it again."""
        self._changes(run, now).damaged.add(task)

    def sleeping(self, run: LiveRun, task: int, due: float, now: float) -> None:
        """A sleep began; it ends at a time that a resume is to know. Nobody waits for that to be stored."""
        run.begun[task] = Begun(run.created[task], now, 0)
        self._changes(run, now).due[task] = due

    def pausing(self, run: LiveRun, task: int, due: float, now: float) -> None:
        """A task is to be tried again at a time: stored for those who ask; a resume does not wait for it."""
        self._changes(run, now).due[task] = due

    def expanded(self, run: LiveRun, expansion: Expansion, now: float) -> None:
        """A continuation's tasks are to be stored."""
        self._changes(run, now).expansions.append(expansion)

    def started(self, run: LiveRun, now: float) -> None:
        """A run left the queue."""
        self._changes(run, now).started = now

    def ended(self, run: LiveRun, ending: Ending, now: float) -> None:
        """A run ended by itself."""
        self._changes(run, now).ending = ending
        self._hurry(run)

    def drop_outputs(self, run: LiveRun) -> None:
        """The run was cancelled: of what is not stored, no output ever will be."""
        changes = self._of.get((run.key, run.run))
        if changes is not None:
            changes.tasks.clear()
            changes.outputs.clear()
            changes.expansions.clear()

    def _hurry(self, run: LiveRun) -> None:
        """Somebody waits for this: a task that needs it, or who asked for the output of the workflow."""
        if run.machine.status in ACTIVE or not run.future.hold():
            self.urgent = True

    def _changes(self, run: LiveRun, now: float) -> RunChanges:
        if run is self._last_run:
            return self._last
        # By run, not by workflow: the last news of a cancelled run and the first of its resume may meet here.
        key = (run.key, run.run)
        changes = self._of.get(key)
        if changes is None:
            changes = self._of[key] = RunChanges(run.key, run.run)
            self._runs[key] = run
            if self._since is None:
                self._since = now
        self._last_run, self._last = run, changes
        return changes
