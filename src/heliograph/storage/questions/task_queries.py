"""Reading tasks with their attempts: one, all, or a page of them. Each of one moment; no value is loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from heliograph.records.attempt import AttemptRecord, ReportRecord
from heliograph.records.workflow import InputRecord, TaskRecord
from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import Answer, Statement, paired

INPUTS_TOLD: Final = 1000
"""Of so many of a task's inputs sizes and places are told; of further ones only the ids."""
_START: Final = -1  # behind that comes the first task
_LAST: Final = 2**31 - 1  # there is no task with this number


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks of a workflow, dependencies first.

    Attributes:
        tasks: the tasks.
        truncated: more come after them.
    """

    tasks: tuple[TaskRecord, ...]
    truncated: bool


class TaskQueries:
    """Reads tasks of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_remote = database.is_remote
        self._statements = read = statements(database.kind, "task_queries")
        self._in_range = _Parts(read.upstream, read.inputs, read.reports, read.attempts)
        self._of_keys = _Parts(
            read.upstream_of_keys, read.inputs_of_keys, read.reports_of_keys, read.attempts_of_keys
        )

    def task(self, key: int, task_id: str) -> TaskRecord | None:
        """A task with its attempts; None: the workflow has none of this id."""
        this = {"of_workflow": key, "of_task_id": task_id}
        with self._database.snapshot() as connection, self._database.keeping_plans(connection):
            if not self._is_remote:
                row = self._statements.task.ask(connection, **this).first()
                return None if row is None else self._of_rows(connection, key, [row])[0]
            with self._database.together(connection, last=True):
                read = self._statements
                row = read.task.ask(connection, **this)
                parts = _Parts(
                    read.upstream_of_id, read.inputs_of_id, read.reports_of_id, read.attempts_of_id
                )
                asked = self._asked(connection, parts, this)
            return next(iter(_records(row.all(), parts, asked)), None)

    def downstream(self, key: int, task_id: str, limit: int) -> list[str] | None:
        """Ids of the tasks that take a task's output; None: the workflow has no such task."""
        with self._database.snapshot() as connection:
            number = self._statements.number.ask(
                connection, of_workflow=key, of_task_id=task_id
            ).scalar_one_or_none()
            if number is None:
                return None
            found = self._statements.downstream.ask(connection, of_workflow=key, of_task=number, most=limit)
            return [row.task_id for row in found]

    def tasks(self, key: int) -> list[TaskRecord]:
        """All tasks of a workflow with their attempts, dependencies first."""
        with self._database.snapshot() as connection:
            found = self._statements.page.ask(connection, of_workflow=key, after=_START, most=_LAST).all()
            if not found:
                return []
            # There may be very many: one part after the other, since each takes memory.
            these = _these(key, found)
            return _records(found, self._in_range, lambda part: part.ask(connection, **these))

    def page(self, connection: Connection, key: int, after: str | None, limit: int) -> TaskPage | None:
        """Some tasks of a workflow.

        Args:
            connection: on a snapshot, of which this is the last question.
            key: of the workflow.
            after: id of the task before the first of them; None: from the first one.
            limit: at most so many.

        Returns:
            The page; None: there is no task `after`.
        """
        number: int | None = _START
        if after is not None:
            number = self._statements.number.ask(
                connection, of_workflow=key, of_task_id=after
            ).scalar_one_or_none()
            if number is None:
                return None
        found = self._statements.page.ask(connection, of_workflow=key, after=number, most=limit + 1).all()
        here = found[:limit]
        return TaskPage(tuple(self._of_rows(connection, key, here)), len(found) > len(here))

    def asked(self, connection: Connection, keys: Sequence[tuple[int, int]]) -> Asked:
        """Tasks by the keys of their workflows and their numbers; on a snapshot, see `Database.together`."""
        these = paired(keys, self._database.kind)
        found = self._statements.of_keys.ask(connection, **these)
        return Asked(found, self._of_keys, self._asked(connection, self._of_keys, these))

    def attempts(
        self, connection: Connection, key: int, after: tuple[int, int], limit: int
    ) -> list[tuple[int, AttemptRecord]]:
        """Attempts of a workflow by task and number, each with the number of its task.

        Args:
            connection: on a snapshot.
            key: of the workflow.
            after: numbers of the task and attempt before the first of them.
            limit: at most so many.
        """
        task, attempt = after
        found = self._statements.attempt_page.ask(
            connection, of_workflow=key, of_task=task, of_attempt=attempt, most=limit
        ).all()
        if not found:
            return []
        reports = _reports(self._statements.reports.ask(connection, **_these(key, found)))
        return [(row.task, _attempt(row, reports)) for row in found]

    def ids(self, connection: Connection, key: int, first: int, last: int) -> dict[int, str]:
        """The ids of tasks, by their numbers."""
        found = self._statements.ids.ask(connection, of_workflow=key, first=first, last=last)
        return {row.task: row.task_id for row in found}

    def _of_rows(self, connection: Connection, key: int, found: Sequence[Any]) -> list[TaskRecord]:
        if not found:
            return []
        if not self._is_remote:
            return _records(
                found, self._in_range, self._asked(connection, self._in_range, _these(key, found))
            )
        # There a plan for pairs is one for all values, and is kept.
        these = paired([(key, row.task) for row in found], self._database.kind)
        with self._database.keeping_plans(connection), self._database.together(connection, last=True):
            asked = self._asked(connection, self._of_keys, these)
        return _records(found, self._of_keys, asked)

    def _asked(self, connection: Connection, parts: _Parts, these: Mapping[str, object]) -> _Rows:
        """Gives what belongs to tasks; in a file it is looked up when it is read, and so nothing in vain."""
        if self._is_remote:
            return {part: part.ask(connection, **these) for part in parts}.__getitem__
        return lambda part: part.ask(connection, **these)


class _Parts(NamedTuple):
    """Statements for what belongs to tasks."""

    upstream: Statement
    inputs: Statement
    reports: Statement
    attempts: Statement


_Rows = Callable[[Statement], Iterable[Any]]


class Asked(NamedTuple):
    """Tasks that were asked for.

    Attributes:
        found: their rows.
        parts: the statements for what belongs to them.
        rows: gives the rows of each of these.
    """

    found: Answer
    parts: _Parts
    rows: _Rows

    def records(self) -> dict[tuple[int, int], TaskRecord]:
        """They, by the keys of their workflows and their numbers."""
        found = self.found.all()
        made = _records(found, self.parts, self.rows)
        return {(row.workflow, row.task): task for row, task in zip(found, made, strict=True)}


def _these(key: int, found: Sequence[Any]) -> Mapping[str, object]:
    return {"of_workflow": key, "first": found[0].task, "last": found[-1].task}


def _records(found: Sequence[Any], parts: _Parts, asked: _Rows) -> list[TaskRecord]:
    """The tasks of rows, with what belongs to them.

    Args:
        found: the rows.
        parts: the statements for that.
        asked: gives the rows of each of these.
    """
    upstream: dict[tuple[int, int], list[str]] = defaultdict(list)
    inputs: dict[tuple[int, int], list[InputRecord]] = defaultdict(list)
    for row in asked(parts.upstream):
        upstream[row.workflow, row.task].append(row.task_id)
    for row in asked(parts.inputs) if upstream else ():
        value = rows.value_record(row, "input_")
        assert value is not None
        inputs[row.workflow, row.task].append(InputRecord(row.task_id, value))
    reports = _reports(asked(parts.reports))
    attempts: dict[tuple[int, int], list[AttemptRecord]] = defaultdict(list)
    for row in asked(parts.attempts):
        attempts[row.workflow, row.task].append(_attempt(row, reports))
    latest = _latest(reports, attempts)
    return [
        rows.task_record(
            row,
            tuple(upstream.get((row.workflow, row.task), ())),
            tuple(attempts.get((row.workflow, row.task), ())),
            tuple(inputs.get((row.workflow, row.task), ())),
            latest.get((row.workflow, row.task)),
        )
        for row in found
    ]


def _reports(found: Iterable[Any]) -> dict[tuple[int, int, int], ReportRecord]:
    """What attempts said, by workflow, task and number."""
    return {(row.workflow, row.task, row.attempt): rows.report_record(row) for row in found}


def _latest(
    reports: Mapping[tuple[int, int, int], ReportRecord],
    attempts: Mapping[tuple[int, int], Sequence[AttemptRecord]],
) -> dict[tuple[int, int], ReportRecord]:
    """What the newest attempts of tasks said: how far the one before was is no progress of theirs."""
    latest = {}
    for (workflow, task, attempt), report in sorted(reports.items()):
        its = attempts.get((workflow, task))
        if not its or attempt >= its[-1].attempt:  # it may speak before it is seen to run
            latest[workflow, task] = report
    return latest


def _attempt(row: Any, reports: Mapping[tuple[int, int, int], ReportRecord]) -> AttemptRecord:
    """The attempt of a row, with what it said."""
    attempt = rows.attempt_record(row)
    report = reports.get((row.workflow, row.task, row.attempt)) if reports else None
    return attempt if report is None else replace(attempt, report=report)
