"""How the attempts of one function went, workflow by workflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from heliograph.records.status import LEFT_ATTEMPT, AttemptStatus, WorkflowStatus
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.liveness import Presence
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.soundness import UnsoundError

EACH: Final = 1_000
"""Attempts of one workflow that are looked at."""
_MODULES: Final = 200
"""Workflows, the newest that have a function of a name, that are asked for its module."""


@dataclass(frozen=True, slots=True)
class FunctionRun:
    """The attempts of a function in one workflow.

    Attributes:
        workflow_id: the workflow.
        created_time: when it was submitted, in Unix seconds.
        failed: how many failed, or were lost.
        compute: seconds that the function's code took, of each that succeeded.
        peak_rss: the most memory in bytes, of each of which it is known.
    """

    workflow_id: str
    created_time: float
    failed: int
    compute: tuple[float, ...]
    peak_rss: tuple[int, ...]


class FunctionRuns:
    """Reads functions and their attempts from one database.

    Args:
        database: where.
        clock: gives the Unix seconds that leases are measured by.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._statements = statements(database.kind, "function_runs")

    @patient
    def names(self) -> list[str]:
        """The dotted names of all functions: of each name, of the modules that have had it of late.

        From one name to the next along the index: a million workflows of one function cost one step.
        """
        found: set[str] = set()
        before = ""
        with self._database.snapshot() as connection:
            while (row := self._statements.next.ask(connection, before=before).first()) is not None:
                before = row.qualname
                newest = self._statements.modules.ask(connection, of_name=before, most=_MODULES)
                found.update(f"{one.module}.{before}" for one in newest)
        return sorted(found)

    @patient
    def of(self, name: str, limit: int) -> list[FunctionRun]:
        """Those of the newest workflows that have the function, the oldest of them first.

        Args:
            name: the function's, dotted: module and name.
            limit: workflows at most.
        """
        parts = name.split(".")
        found: list[tuple[int, dict[str, str]]] = []
        with self._database.snapshot() as connection:
            for split in range(1, len(parts)):
                named = {"of_module": ".".join(parts[:split]), "of_name": ".".join(parts[split:])}
                rows = self._statements.having.ask(connection, most=limit, **named)
                found += [(row.workflow, named) for row in rows]
            runs, presence = [], Presence(self._clock)
            for workflow, named in sorted(found, key=itemgetter(0))[-limit:]:
                whose = self._statements.workflow.ask(connection, of_workflow=workflow).first()
                if whose is None:
                    raise UnsoundError("functions", "its workflow is gone", workflow)
                attempts = self._statements.attempts.ask(connection, of_workflow=workflow, **named).all()
                status = presence.status(WorkflowStatus(whose.status), whose.owner, whose)
                runs.append(_run(whose, attempts, is_left=status is WorkflowStatus.RESUMABLE))
        return sorted((run for run in runs if run.failed or run.compute), key=lambda run: run.created_time)


def _run(workflow: Any, attempts: Sequence[Any], is_left: bool) -> FunctionRun:
    went_well = [row for row in attempts if row.status == AttemptStatus.SUCCESSFUL]
    badly = {AttemptStatus.FAILED, AttemptStatus.LOST, *(LEFT_ATTEMPT if is_left else ())}
    return FunctionRun(
        workflow.workflow_id,
        workflow.created_time,
        sum(row.status in badly for row in attempts),
        tuple(
            max(row.finished - row.loaded, 0.0)
            for row in went_well
            if row.loaded is not None and row.finished is not None
        ),
        tuple(row.peak_rss for row in attempts if row.peak_rss is not None),
    )
