"""Reading tasks with their attempts: one, all, or a page of them. Each of one moment; no value is loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import BindParameter, and_, bindparam, literal_column, select

from heliograph.records.attempt import AttemptRecord
from heliograph.records.workflow import InputRecord, TaskRecord
from heliograph.storage import rows, schema
from heliograph.storage.connection import Connection
from heliograph.storage.database import Database
from heliograph.storage.layout import Role
from heliograph.storage.statements import Prepared, constant

INPUTS_TOLD: Final = 1000
"""Of so many of a task's inputs sizes and places are told; of further ones only the ids."""
_FIRST: Final = 0
_LAST: Final = 2**31 - 1  # there is no task with this number


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks of a workflow, dependencies first.

    Attributes:
        tasks: they.
        truncated: more come after them.
    """

    tasks: tuple[TaskRecord, ...]
    truncated: bool


class TaskQueries:
    """Reads of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        tasks, functions, values = schema.tasks, schema.functions, schema.stored_values
        of_workflow: BindParameter[int] = bindparam("of_workflow")

        def stored(role: Role) -> Any:
            table = values.alias(role.value)
            of_task = and_(table.c.workflow == tasks.c.workflow, table.c.task == tasks.c.task)
            return table, of_task & (table.c.role == constant(role))

        output, is_output = stored(Role.OUTPUT)
        arguments, is_arguments = stored(Role.ARGUMENTS)
        creators = tasks.alias("creators")
        function = and_(functions.c.workflow == tasks.c.workflow, functions.c.function == tasks.c.function)
        creator = and_(creators.c.workflow == tasks.c.workflow, creators.c.task == tasks.c.creator)
        task_select = (
            select(
                tasks,
                functions.c.module,
                functions.c.qualname,
                functions.c.file,
                functions.c.line,
                functions.c.source_hash,
                *_of_value(output, "output"),
                *_of_value(arguments, "arguments"),
                creators.c.task_id.label("creator_id"),
            )
            .select_from(
                tasks.join(functions, function)
                .outerjoin(output, is_output)
                .outerjoin(arguments, is_arguments)
                .outerjoin(creators, creator)
            )
            .where(tasks.c.workflow == of_workflow)
        )
        self._task = self._prepared(task_select.where(tasks.c.task_id == bindparam("of_task_id")))
        self._page = self._prepared(
            task_select.where(tasks.c.task > bindparam("after"))
            .order_by(tasks.c.task)
            .limit(bindparam("most"))
            .offset(literal_column("0"))
        )
        self._number = self._prepared(
            select(tasks.c.task).where(
                tasks.c.workflow == of_workflow, tasks.c.task_id == bindparam("of_task_id")
            )
        )
        self._ids = self._prepared(
            select(tasks.c.task, tasks.c.task_id).where(tasks.c.workflow == of_workflow, *_between(tasks))
        )
        attempts, needs, reports = schema.attempts, schema.dependencies, schema.reports
        self._attempts = self._prepared(
            select(attempts)
            .where(attempts.c.workflow == of_workflow, *_between(attempts))
            .order_by(attempts.c.task, attempts.c.attempt)
        )
        behind = (attempts.c.task > bindparam("of_task")) | (
            (attempts.c.task == bindparam("of_task")) & (attempts.c.attempt > bindparam("of_attempt"))
        )
        self._attempt_page = self._prepared(
            select(attempts)
            .where(attempts.c.workflow == of_workflow, attempts.c.task >= bindparam("of_task"), behind)
            .order_by(attempts.c.task, attempts.c.attempt)
            .limit(bindparam("most"))
            .offset(literal_column("0"))
        )
        self._reports = self._prepared(
            select(reports).where(reports.c.workflow == of_workflow, *_between(reports))
        )
        needed = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.upstream)
        upstream = (
            select(needs.c.task, tasks.c.task_id)
            .where(needs.c.workflow == of_workflow, *_between(needs))
            .order_by(needs.c.task, needs.c.place)
        )
        self._upstream = self._prepared(upstream.select_from(needs.join(tasks, needed)))
        takes = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.task)
        self._downstream = self._prepared(
            select(tasks.c.task_id)
            .select_from(needs.join(tasks, takes))
            .where(needs.c.workflow == of_workflow, needs.c.upstream == bindparam("of_task"))
            .group_by(needs.c.task, tasks.c.task_id)
            .order_by(needs.c.task)
            .limit(bindparam("most"))
            .offset(literal_column("0"))
        )
        self._inputs = self._prepared(
            upstream.where(needs.c.place < literal_column(str(INPUTS_TOLD)))
            .add_columns(*_of_value(output, "input"))
            .select_from(needs.join(tasks, needed).join(output, is_output))
        )

    def task(self, key: int, task_id: str) -> TaskRecord | None:
        """A task with its attempts; None: the workflow has none of this id."""
        with self._database.snapshot() as connection:
            row = self._task.ask(connection, of_workflow=key, of_task_id=task_id).first()
            return None if row is None else self._records(connection, key, [row])[0]

    def downstream(self, key: int, task_id: str, limit: int) -> list[str] | None:
        """Ids of the tasks that take a task's output; None: the workflow has no such task."""
        with self._database.snapshot() as connection:
            number = self._number.ask(connection, of_workflow=key, of_task_id=task_id).scalar_one_or_none()
            if number is None:
                return None
            found = self._downstream.ask(connection, of_workflow=key, of_task=number, most=limit)
            return [row.task_id for row in found]

    def tasks(self, key: int) -> list[TaskRecord]:
        """All tasks of a workflow with their attempts, dependencies first; inputs without sizes."""
        with self._database.snapshot() as connection:
            found = self._page.ask(connection, of_workflow=key, after=_FIRST - 1, most=_LAST).all()
            return self._records(connection, key, found, with_inputs=False)

    def page(self, connection: Connection, key: int, after: str | None, limit: int) -> TaskPage | None:
        """Some tasks of a workflow.

        Args:
            connection: on a snapshot.
            key: of the workflow.
            after: id of the task before the first of them; None: from the first one.
            limit: at most so many.

        Returns:
            They; None: there is no task `after`.
        """
        number: int | None = _FIRST - 1
        if after is not None:
            number = self._number.ask(connection, of_workflow=key, of_task_id=after).scalar_one_or_none()
            if number is None:
                return None
        found = self._page.ask(connection, of_workflow=key, after=number, most=limit + 1).all()
        here = found[:limit]
        return TaskPage(tuple(self._records(connection, key, here)), len(found) > len(here))

    def between(self, connection: Connection, key: int, first: int, last: int) -> list[TaskRecord]:
        """The tasks from one number to another, all of which there are."""
        found = self._page.ask(connection, of_workflow=key, after=first - 1, most=last - first + 1).all()
        return self._records(connection, key, found)

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
        found = self._attempt_page.ask(
            connection, of_workflow=key, of_task=task, of_attempt=attempt, most=limit
        )
        return [(row.task, rows.attempt_record(row)) for row in found]

    def ids(self, connection: Connection, key: int, first: int, last: int) -> dict[int, str]:
        """The ids of tasks, by their numbers."""
        found = self._ids.ask(connection, of_workflow=key, first=first, last=last)
        return {row.task: row.task_id for row in found}

    def _records(
        self, connection: Connection, key: int, found: Sequence[Any], with_inputs: bool = True
    ) -> list[TaskRecord]:
        if not found:
            return []
        these = {"of_workflow": key, "first": found[0].task, "last": found[-1].task}
        upstream: dict[int, list[str]] = defaultdict(list)
        inputs: dict[int, list[InputRecord]] = defaultdict(list)
        for row in self._upstream.ask(connection, **these):
            upstream[row.task].append(row.task_id)
        for row in self._inputs.ask(connection, **these) if with_inputs and upstream else ():
            value = rows.value_record(row, "input_")
            assert value is not None
            inputs[row.task].append(InputRecord(row.task_id, value))
        reports = {
            (row.task, row.attempt): rows.report_record(row) for row in self._reports.ask(connection, **these)
        }
        attempts: dict[int, list[AttemptRecord]] = defaultdict(list)
        for row in self._attempts.ask(connection, **these):
            attempt = rows.attempt_record(row)
            report = reports.get((row.task, row.attempt)) if reports else None
            attempts[row.task].append(attempt if report is None else replace(attempt, report=report))
        return [
            rows.task_record(
                row,
                tuple(upstream.get(row.task, ())),
                tuple(attempts.get(row.task, ())),
                tuple(inputs.get(row.task, ())),
            )
            for row in found
        ]

    def _prepared(self, statement: Any) -> Prepared:
        return Prepared(statement, self._database.dialect)


def _of_value(table: Any, name: str) -> list[Any]:
    columns = (table.c.size, table.c.sha256, table.c.kind, table.c.location)
    return [column.label(f"{name}_{column.name}") for column in columns]


def _between(table: Any) -> tuple[Any, Any]:
    return table.c.task >= bindparam("first"), table.c.task <= bindparam("last")
