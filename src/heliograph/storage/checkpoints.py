"""Reads that engines do: plans to go on with, arguments, outputs, errors."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from heliograph.records.attempt import StoredValue
from heliograph.records.status import ACTIVE, TaskStatus, WorkflowStatus
from heliograph.scheduling.events import TaskRule
from heliograph.storage import rows, schema
from heliograph.storage.database import Database, patient
from heliograph.storage.schema import Role
from heliograph.storage.statements import Prepared, constant

_AT_ONCE = 10_000  # databases limit how many values a statement may have


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """What a resume needs to know of a workflow.

    Attributes:
        task_ids: of all tasks, by number.
        functions: the number of each task's function.
        rules: what the machine is told of each task.
        payloads: each function's name, its pickled self, and whether it is awaited.
        stored: numbers of tasks whose outputs are stored.
        unkept: numbers of tasks that succeeded, and whose outputs are not stored.
        attempts: how many attempts tasks had so far, as (task, count).
        due: when sleeps that have begun end, as (task, Unix seconds).
        output: the task that gives the workflow's output.
    """

    task_ids: tuple[str, ...]
    functions: tuple[int, ...]
    rules: tuple[TaskRule, ...]
    payloads: tuple[tuple[str, bytes, bool], ...]
    stored: frozenset[int]
    unkept: frozenset[int]
    attempts: tuple[tuple[int, int], ...]
    due: tuple[tuple[int, float], ...]
    output: int


@dataclass(frozen=True, slots=True)
class StoredError:
    """The error a run failed with, as stored."""

    kind: str
    message: str
    task_id: str | None
    error: bytes | None
    traceback: str | None


class Checkpoints:
    """Reads of one database, for engines and for who waits for an output."""

    def __init__(self, database: Database) -> None:
        self._database = database
        tasks, functions, needs = schema.tasks, schema.functions, schema.dependencies
        attempts, values, workflows, runs = (
            schema.attempts,
            schema.stored_values,
            schema.workflows,
            schema.runs,
        )
        key: BindParameter[int] = bindparam("of_workflow")
        self._tasks = self._prepared(
            select(
                tasks.c.task_id,
                tasks.c.function,
                tasks.c.status,
                tasks.c.options,
                tasks.c.user_metadata,
                tasks.c.frame,
                tasks.c.delivers_to,
                tasks.c.due,
            )
            .where(tasks.c.workflow == key)
            .order_by(tasks.c.task)
        )
        self._output_task = self._prepared(
            select(workflows.c.output_task).where(workflows.c.key == bindparam("of_key"))
        )
        self._functions = self._prepared(
            select(functions.c.module, functions.c.qualname, functions.c.payload, functions.c.is_async)
            .where(functions.c.workflow == key)
            .order_by(functions.c.function)
        )
        self._needs = self._prepared(
            select(needs.c.task, needs.c.upstream)
            .where(needs.c.workflow == key)
            .order_by(needs.c.task, needs.c.place)
        )
        self._stored = self._prepared(
            select(values.c.task).where(values.c.workflow == key, values.c.role == constant(Role.OUTPUT))
        )
        self._attempts = self._prepared(
            select(attempts.c.task, func.max(attempts.c.attempt).label("attempts"))
            .where(attempts.c.workflow == key)
            .group_by(attempts.c.task)
        )
        self._value = self._prepared(
            select(values).where(
                values.c.workflow == key,
                values.c.task == bindparam("of_task"),
                values.c.role == bindparam("of_role"),
            )
        )
        self._number = self._prepared(
            select(tasks.c.task, tasks.c.delivers_to).where(
                tasks.c.workflow == key, tasks.c.task_id == bindparam("of_task_id")
            )
        )
        self._by_number = self._prepared(
            select(tasks.c.task, tasks.c.delivers_to, tasks.c.status).where(
                tasks.c.workflow == key, tasks.c.task == bindparam("of_task")
            )
        )
        failed = tasks.c.task_id.label("error_task_id")
        tried = attempts.alias("tried")
        of_failed = (runs.c.workflow, runs.c.error_task, runs.c.run)
        last = select(func.max(tried.c.attempt)).where(
            *map(operator.eq, (tried.c.workflow, tried.c.task, tried.c.run), of_failed)
        )
        raised_in = (
            select(attempts.c.error_traceback)
            .where(attempts.c.workflow == runs.c.workflow, attempts.c.task == runs.c.error_task)
            .where(attempts.c.attempt == last.scalar_subquery())
            .scalar_subquery()
            .label("error_traceback")
        )
        self._error = self._prepared(
            select(runs.c.error_type, runs.c.error_message, runs.c.error, failed, raised_in)
            .select_from(
                workflows.join(
                    runs, (runs.c.workflow == workflows.c.key) & (runs.c.run == workflows.c.run)
                ).outerjoin(
                    tasks, (tasks.c.workflow == runs.c.workflow) & (tasks.c.task == runs.c.error_task)
                )
            )
            .where(workflows.c.key == key)
        )

    @patient
    def plan(self, key: int) -> StoredPlan:
        """The plan of a workflow, and how far it got."""
        upstream: dict[int, list[int]] = defaultdict(list)
        of_workflow = {"of_workflow": key}
        with self._database.snapshot() as connection:
            for need in self._needs.ask(connection, **of_workflow):
                upstream[need.task].append(need.upstream)
            tasks = self._tasks.ask(connection, **of_workflow).all()
            output = self._output_task.ask(connection, of_key=key).scalar_one()
            functions = self._functions.ask(connection, **of_workflow).all()
            stored = frozenset(self._stored.ask(connection, **of_workflow).scalars())
            attempts = tuple(
                (row.task, row.attempts) for row in self._attempts.ask(connection, **of_workflow)
            )
        return StoredPlan(
            task_ids=tuple(row.task_id for row in tasks),
            functions=tuple(row.function for row in tasks),
            rules=tuple(
                TaskRule(
                    tuple(upstream.get(task, ())),
                    rows.options_of(row.task_id, row.options, row.user_metadata),
                    row.frame,
                    row.delivers_to,
                )
                for task, row in enumerate(tasks)
            ),
            payloads=tuple(
                (f"{row.module}.{row.qualname}", bytes(row.payload), bool(row.is_async)) for row in functions
            ),
            stored=stored,
            unkept=frozenset(
                task for task, row in enumerate(tasks) if row.status == TaskStatus.SUCCESSFUL
            ).difference(stored),
            attempts=attempts,
            due=tuple((task, row.due) for task, row in enumerate(tasks) if row.due is not None),
            output=output,
        )

    def arguments(self, key: int, task: int) -> StoredValue | None:
        """A task's arguments."""
        return self._read(key, task, Role.ARGUMENTS)

    def outputs(self, key: int, tasks: Sequence[int]) -> list[StoredValue | None]:
        """Of many tasks, in their order; there may be thousands."""
        with self._database.read() as connection:
            return [self._value_in(connection, key, task, Role.OUTPUT) for task in tasks]

    def output(self, key: int, task: int) -> StoredValue | None:
        """A task's output; None: none is stored."""
        return self._read(key, task, Role.OUTPUT)

    @patient
    def source_of(self, key: int, task_id: str) -> int | None:
        """The number of the task whose output is that of the named one; None: there is none of this id.

        It is the task itself, unless that is the last of a continuation: then the output is stored with the
        task that waited for it.
        """
        with self._database.read() as connection:
            row = self._number.ask(connection, of_workflow=key, of_task_id=task_id).first()
            while row is not None and row.delivers_to is not None:
                row = self._by_number.ask(connection, of_workflow=key, of_task=row.delivers_to).first()
        return None if row is None else row.task

    @patient
    def is_successful(self, key: int, task: int) -> bool:
        """Whether the task is, by its number."""
        with self._database.read() as connection:
            row = self._by_number.ask(connection, of_workflow=key, of_task=task).first()
        return row is not None and row.status == TaskStatus.SUCCESSFUL

    @patient
    def error(self, key: int) -> StoredError | None:
        """What the newest run failed with."""
        with self._database.read() as connection:
            row = self._error.ask(connection, of_workflow=key).first()
        if row is None or row.error_type is None:
            return None
        return StoredError(
            row.error_type, row.error_message, row.error_task_id, row.error, row.error_traceback
        )

    @patient
    def run_status(self, key: int, run: int) -> WorkflowStatus | None:
        """The status of a run, as it is stored; None: it is not there any more."""
        runs = schema.runs
        asked = select(runs.c.status).where(runs.c.workflow == key, runs.c.run == run)
        with self._database.read() as connection:
            status = connection.execute(asked).scalar_one_or_none()
        return None if status is None else WorkflowStatus(status)

    @patient
    def not_running(self, held: Collection[tuple[int, int]]) -> list[int]:
        """Of the runs an engine believes it has, given as (key, run), those that are not its any more."""
        workflows, keys = schema.workflows, [key for key, _ in held]
        running: set[tuple[int, int]] = set()
        with self._database.snapshot() as connection:
            for start in range(0, len(keys), _AT_ONCE):
                statement = select(workflows.c.key, workflows.c.run, workflows.c.status).where(
                    workflows.c.key.in_(keys[start : start + _AT_ONCE])
                )
                # Rows by position, here alone: there are thousands, often.
                found = connection.execute(statement)
                running.update([(key, run) for key, run, status in found if status in ACTIVE])
        return [key for key, run in held if (key, run) not in running]

    @patient
    def _read(self, key: int, task: int, role: Role) -> StoredValue | None:
        with self._database.read() as connection:
            return self._value_in(connection, key, task, role)

    def _value_in(self, connection: Connection, key: int, task: int, role: Role) -> StoredValue | None:
        row = self._value.ask(connection, of_workflow=key, of_task=task, of_role=role.value).first()
        return None if row is None else rows.value_with_data(row)

    def _prepared(self, statement: Any) -> Prepared:
        return Prepared(statement, self._database.dialect)
