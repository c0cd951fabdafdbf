"""Questions that people ask of the store. Each answers from one moment, and loads no value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import islice
from typing import Any

from sqlalchemy import BindParameter, Connection, and_, bindparam, select

from heliograph.records.attempt import AttemptRecord
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import RunRecord, TaskRecord, WorkflowRecord
from heliograph.storage import rows, schema
from heliograph.storage.claims import OWNER_COLUMNS, with_owner
from heliograph.storage.database import Database
from heliograph.storage.liveness import derived_status
from heliograph.storage.statements import Prepared, constant

_RUN_COLUMNS = (
    schema.runs.c.run,
    schema.runs.c.reason,
    schema.runs.c.status.label("run_status"),
    schema.runs.c.created_time.label("run_created_time"),
    schema.runs.c.start_time,
    schema.runs.c.end_time,
    schema.runs.c.cancel_time,
    schema.runs.c.reused,
    schema.runs.c.code,
    schema.runs.c.login,
    schema.runs.c.argv,
    schema.runs.c.hostname,
    schema.runs.c.error_type,
    schema.runs.c.error_message,
)


class Queries:
    """Reads of one database.

    Args:
        database: where from.
        clock: gives Unix seconds; a lease is measured against it.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        workflows, runs, owners = schema.workflows, schema.runs, schema.owners
        tasks, functions, values = schema.tasks, schema.functions, schema.stored_values
        of_workflow: BindParameter[int] = bindparam("of_workflow")
        failed = tasks.alias("failed")
        failed_task = and_(failed.c.workflow == runs.c.workflow, failed.c.task == runs.c.error_task)
        self._workflow_select = select(
            workflows.c.key,
            workflows.c.workflow_id,
            workflows.c.name,
            workflows.c.status,
            workflows.c.user_metadata,
            workflows.c.output_task,
            workflows.c.output_options,
            workflows.c.progress,
            workflows.c.parent,
            *_RUN_COLUMNS,
            failed.c.task_id.label("error_task_id"),
            *OWNER_COLUMNS,
        ).select_from(with_owner().outerjoin(failed, failed_task))
        self._workflow = self._prepared(
            self._workflow_select.where(workflows.c.workflow_id == bindparam("of_id"))
        )
        self._runs = self._prepared(
            select(*_RUN_COLUMNS, failed.c.task_id.label("error_task_id"), *OWNER_COLUMNS)
            .select_from(
                runs.outerjoin(owners, owners.c.owner_id == runs.c.owner).outerjoin(failed, failed_task)
            )
            .where(runs.c.workflow == of_workflow)
            .order_by(runs.c.run)
        )
        output = and_(
            values.c.workflow == tasks.c.workflow,
            values.c.task == tasks.c.task,
            values.c.role == constant(schema.Role.OUTPUT),
        )
        function = and_(functions.c.workflow == tasks.c.workflow, functions.c.function == tasks.c.function)
        creators = tasks.alias("creators")
        created = and_(creators.c.workflow == tasks.c.workflow, creators.c.task == tasks.c.creator)
        task_select = (
            select(
                tasks,
                functions.c.module,
                functions.c.qualname,
                functions.c.file,
                functions.c.line,
                functions.c.source_hash,
                values.c.size.label("output_size"),
                values.c.sha256.label("output_sha256"),
                values.c.kind.label("output_kind"),
                values.c.location.label("output_location"),
                creators.c.task_id.label("creator_id"),
            )
            .select_from(
                tasks.join(functions, function).outerjoin(values, output).outerjoin(creators, created)
            )
            .where(tasks.c.workflow == of_workflow)
        )
        self._tasks = self._prepared(task_select.order_by(tasks.c.task))
        self._task = self._prepared(task_select.where(tasks.c.task_id == bindparam("of_task_id")))
        attempts, needs = schema.attempts, schema.dependencies
        attempt_select = (
            select(attempts)
            .where(attempts.c.workflow == of_workflow)
            .order_by(attempts.c.task, attempts.c.attempt)
        )
        self._attempts = self._prepared(attempt_select)
        self._attempts_of = self._prepared(attempt_select.where(attempts.c.task == bindparam("of_task")))
        upstream_task = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.upstream)
        upstream_select = (
            select(needs.c.task, tasks.c.task_id)
            .select_from(needs.join(tasks, upstream_task))
            .where(needs.c.workflow == of_workflow)
            .order_by(needs.c.task, needs.c.place)
        )
        self._upstream = self._prepared(upstream_select)
        self._upstream_of = self._prepared(upstream_select.where(needs.c.task == bindparam("of_task")))

    def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow with its newest run; None: there is none of this id."""
        with self._database.read() as connection:
            return self.workflow_in(connection, workflow_id)

    def workflow_in(self, connection: Connection, workflow_id: str) -> WorkflowRecord | None:
        """As `workflow`, of the moment that the connection sees."""
        row = self._workflow.ask(connection, of_id=workflow_id).first()
        return None if row is None else self._workflow_record(row)

    def workflows(
        self,
        statuses: Collection[WorkflowStatus] | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[WorkflowRecord]:
        """Workflows that have one of the statuses (None: any), in order of submission.

        Args:
            statuses: those that are wanted.
            newest_first: the other way round.
            limit: at most so many; None: all.
        """
        workflows = schema.workflows
        order = (workflows.c.created_time, workflows.c.key)
        statement = self._workflow_select.order_by(
            *(column.desc() if newest_first else column for column in order)
        )
        wanted = None if statuses is None else set(statuses)
        if wanted is not None:
            if WorkflowStatus.RESUMABLE in wanted:
                wanted |= ACTIVE  # which of these are RESUMABLE is known only when they are looked at
            statement = statement.where(workflows.c.status.in_([status.value for status in sorted(wanted)]))
        if limit is not None and (wanted is None or wanted.isdisjoint(ACTIVE)):
            statement = statement.limit(limit)
        with self._database.read() as connection:
            # Lazily: where the status is derived, SQL can't count to the limit.
            records = map(self._workflow_record, connection.execute(statement))
            found = (record for record in records if statuses is None or record.status in statuses)
            return list(islice(found, limit))

    def runs(self, key: int) -> list[RunRecord]:
        """All runs of a workflow, oldest first; the newest reads RESUMABLE where its workflow does."""
        with self._database.read() as connection:
            return self.runs_in(connection, key)

    def runs_in(self, connection: Connection, key: int) -> list[RunRecord]:
        """As `runs`, of the moment that the connection sees."""
        found = [rows.run_record(row) for row in self._runs.ask(connection, of_workflow=key)]
        now = self._clock()
        return [replace(run, status=derived_status(run.status, run.owner, now)) for run in found]

    def task(self, key: int, task_id: str) -> TaskRecord | None:
        """A task with its attempts; None: the workflow has none of this id."""
        with self._database.snapshot() as connection:
            row = self._task.ask(connection, of_workflow=key, of_task_id=task_id).first()
            if row is None:
                return None
            of_task = {"of_workflow": key, "of_task": row.task}
            upstream = tuple(needed.task_id for needed in self._upstream_of.ask(connection, **of_task))
            attempts = tuple(
                rows.attempt_record(attempt) for attempt in self._attempts_of.ask(connection, **of_task)
            )
        return rows.task_record(row, upstream, attempts)

    def tasks(self, key: int) -> list[TaskRecord]:
        """All tasks of a workflow with their attempts, dependencies first."""
        upstream: dict[int, list[str]] = defaultdict(list)
        attempts: dict[int, list[AttemptRecord]] = defaultdict(list)
        with self._database.snapshot() as connection:
            found = self._tasks.ask(connection, of_workflow=key).all()
            for needed in self._upstream.ask(connection, of_workflow=key):
                upstream[needed.task].append(needed.task_id)
            for attempt in self._attempts.ask(connection, of_workflow=key):
                attempts[attempt.task].append(rows.attempt_record(attempt))
        return [rows.task_record(row, tuple(upstream[row.task]), tuple(attempts[row.task])) for row in found]

    def _prepared(self, statement: Any) -> Prepared:
        return Prepared(statement, self._database.dialect)

    def _workflow_record(self, row: Any) -> WorkflowRecord:
        status = derived_status(WorkflowStatus(row.status), rows.owner_record(row), self._clock())
        return rows.workflow_record(row, status)
