"""Reads that engines do: plans to go on with, arguments, outputs, errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from heliograph.graph.frozen import record
from heliograph.records.attempt import Failure, StoredValue
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.scheduling.events import TaskRule
from heliograph.storage import rows
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import listed
from heliograph.storage.tables.layout import Role
from heliograph.storage.tables.numbers import check_numbers, counted_so_far
from heliograph.storage.tables.soundness import UnsoundError


@record
class StoredPlan:
    """What a resume needs to know of a workflow.

    Attributes:
        task_ids: of all tasks, by number.
        functions: the number of each task's function.
        rules: what the machine is told of each task.
        payloads: each function's name, its pickled self, and whether it is awaited.
        sources: sha256 of each function's source, where that is known.
        stored: numbers of tasks whose outputs are stored.
        unkept: numbers of tasks that succeeded, and whose outputs are not stored.
        failed: numbers of tasks that failed, and were not reset since: those of continuations.
        attempts: how many attempts tasks had so far, as (task, count).
        due: when sleeps that have begun end, as (task, Unix seconds).
        output: the task that gives the workflow's output.
    """

    task_ids: tuple[str, ...]
    functions: tuple[int, ...]
    rules: tuple[TaskRule, ...]
    payloads: tuple[tuple[str, bytes, bool], ...]
    sources: tuple[str | None, ...]
    stored: frozenset[int]
    unkept: frozenset[int]
    failed: frozenset[int]
    attempts: tuple[tuple[int, int], ...]
    due: tuple[tuple[int, float], ...]
    output: int


class Checkpoints:
    """Reads of one database, for engines and for those who wait for an output."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = statements(database.kind, "checkpoints")

    @patient
    def plan(self, key: int) -> StoredPlan:
        """The plan of a workflow, and how far it got."""
        upstream: dict[int, list[int]] = defaultdict(list)
        of_workflow = {"of_workflow": key}
        with self._database.snapshot() as connection:
            with self._database.together(connection, last=True):
                ask = self._statements
                needs_asked = ask.needs.ask(connection, **of_workflow)
                tasks_asked = ask.tasks.ask(connection, **of_workflow)
                output_asked = ask.output_task.ask(connection, of_key=key)
                functions_asked = ask.functions.ask(connection, **of_workflow)
                stored_asked = ask.stored.ask(connection, **of_workflow)
                attempts_asked = ask.attempts.ask(connection, **of_workflow)
            needs = needs_asked.columns(("task", "upstream"))
            for task, needed in zip(*needs.values(), strict=True):
                upstream[task].append(needed)
            tasks = tasks_asked.all()
            output = output_asked.scalar_one()
            functions = functions_asked.all()
            stored = frozenset(stored_asked.scalars())
            attempts = tuple(
                (row.task, counted_so_far(row.attempts, "attempts", "attempt", key)) for row in attempts_asked
            )
            check_numbers(
                key,
                len(tasks),
                len(functions),
                calls=[row.function for row in tasks],
                earlier=[[row.frame for row in tasks], [row.delivers_to for row in tasks]],
                needs=(needs["task"], needs["upstream"]),
                named=([output], list(stored), [task for task, _ in attempts]),
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
                    (f"{row.module}.{row.qualname}", bytes(row.payload), bool(row.is_async))
                    for row in functions
                ),
                sources=tuple(row.source_hash for row in functions),
                stored=stored,
                unkept=frozenset(
                    task for task, row in enumerate(tasks) if row.status == TaskStatus.SUCCESSFUL
                ).difference(stored),
                failed=frozenset(task for task, row in enumerate(tasks) if row.status == TaskStatus.FAILED),
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
            row = self._statements.number.ask(connection, of_workflow=key, of_task_id=task_id).first()
            while row is not None and row.delivers_to is not None:
                if row.delivers_to >= row.task:
                    raise UnsoundError("tasks", "one of a continuation belongs to one that comes later", key)
                row = self._statements.by_number.ask(
                    connection, of_workflow=key, of_task=row.delivers_to
                ).first()
        return None if row is None else row.task

    @patient
    def task_status(self, key: int, task: int) -> TaskStatus | None:
        """How the task stands, by its number; None: it is gone."""
        with self._database.read() as connection:
            row = self._statements.by_number.ask(connection, of_workflow=key, of_task=task).first()
        return None if row is None else TaskStatus(row.status)

    @patient
    def others_go_on(self, key: int, task_id: str) -> bool:
        """Whether any task but this one may come to its end, or bring others, before this one has ended."""
        with self._database.read() as connection:
            asked = self._statements.goes_on.ask(connection, of_workflow=key, but_task_id=task_id)
            return asked.first() is not None

    @patient
    def failure(self, key: int) -> tuple[str | None, Failure] | None:
        """What the newest run failed with, behind the id of the task that raised it (None: no task did)."""
        with self._database.read() as connection:
            row = self._statements.error.ask(connection, of_workflow=key).first()
        if row is None or row.error_type is None:
            return None
        failure = Failure(row.error_type, row.error_message, row.error_traceback, error=row.error)
        return row.error_task_id, failure

    @patient
    def run_status(self, key: int, run: int) -> WorkflowStatus | None:
        """The status of a run, as it is stored; None: it is not there any more."""
        with self._database.read() as connection:
            asked = self._statements.run_status.ask(connection, of_workflow=key, of_run=run)
            status = asked.scalar_one_or_none()
        return None if status is None else WorkflowStatus(status)

    @patient
    def not_running(self, held: Collection[tuple[int, int]]) -> list[int]:
        """Of the runs an engine believes it has, given as (key, run), those that are not its any more."""
        keys = listed([key for key, _ in held], self._database.kind)
        with self._database.read() as connection:
            running = set(self._statements.active.ask(connection, of_keys=keys).plain())
        return [key for key, run in held if (key, run) not in running]

    @patient
    def _read(self, key: int, task: int, role: Role) -> StoredValue | None:
        with self._database.read() as connection:
            return self._value_in(connection, key, task, role)

    def _value_in(self, connection: Connection, key: int, task: int, role: Role) -> StoredValue | None:
        row = self._statements.value.ask(
            connection, of_workflow=key, of_task=task, of_role=role.value
        ).first()
        return None if row is None else rows.value_with_data(row)
