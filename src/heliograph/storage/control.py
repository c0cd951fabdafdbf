"""Cancelling and deleting: what anybody may ask for, from any process that reaches the storage."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import delete, func, select, update

from heliograph.errors import WorkflowNotFoundError, WorkflowStillActiveError
from heliograph.records.status import ACTIVE, TASK_OVER, AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.workflow import WorkflowRecord
from heliograph.storage import rows, schema
from heliograph.storage.changelog import Changelog, story_row
from heliograph.storage.composing import constant, constants
from heliograph.storage.connection import Connection
from heliograph.storage.counts import Counts, Tally
from heliograph.storage.database import Database
from heliograph.storage.news import Word
from heliograph.storage.values import ValueStore


def cancel(database: Database, workflow: WorkflowRecord, clock: Callable[[], float]) -> bool:
    """Store that a workflow is cancelled; its engine finds that out and stops what runs.

    Returns:
        Whether it was active until now.
    """
    key, tasks, attempts = workflow.key, schema.tasks, schema.attempts
    with database.write() as connection:
        database.lock(connection, keys=[key])
        now = clock()
        changed = connection.execute(
            update(schema.workflows)
            .where(
                schema.workflows.c.key == key,
                schema.workflows.c.status.in_(constants(ACTIVE)),
            )
            .values(status=WorkflowStatus.CANCELED.value)
            .returning(schema.workflows.c.run)
        ).first()
        if changed is None:
            return False
        connection.execute(
            update(schema.runs)
            .where(schema.runs.c.workflow == key, schema.runs.c.run == changed.run)
            .values(status=WorkflowStatus.CANCELED.value, cancel_time=now)
        )
        stopped = connection.execute(
            update(tasks)
            .where(tasks.c.workflow == key, tasks.c.status.not_in(constants(TASK_OVER)))
            .values(status=TaskStatus.CANCELED.value)
            .returning(tasks.c.task)
        )
        canceled = [["tasks", sorted(stopped.scalars()), TaskStatus.CANCELED.value]]
        story = json.dumps([*canceled, ["run", changed.run, WorkflowStatus.CANCELED.value]])
        Changelog(database.kind).note(connection, story_row(key, changed.run, now, story))
        connection.execute(
            update(attempts)
            .where(attempts.c.workflow == key, attempts.c.status == constant(AttemptStatus.RUNNING))
            .values(status=AttemptStatus.CANCELED.value, finished=now, stored=now)
        )
        counted = connection.execute(
            select(tasks.c.status, func.count()).where(tasks.c.workflow == key).group_by(tasks.c.status)
        )
        progress = {TaskStatus(status): count for status, count in counted}
        connection.execute(
            update(schema.workflows)
            .where(schema.workflows.c.key == key)
            .values(progress=rows.progress_json(progress))
        )
        _count(connection, None, WorkflowStatus.CANCELED)
    database.news.tell(Word(frozenset([key]), frozenset([key])))
    return True


def forget(database: Database, values: ValueStore, workflow: WorkflowRecord) -> None:
    """Delete a workflow and all that was stored of it; a server that goes away meanwhile is waited for.

    Raises:
        WorkflowStillActiveError: an engine has it; it has to be cancelled first.
        WorkflowNotFoundError: somebody deleted it meanwhile.
    """
    folders: set[str] = set()
    database.again(lambda: _forget_rows(database, workflow, folders))
    database.news.tell(Word(frozenset([workflow.key]), frozenset([workflow.key])))
    for folder in folders:
        values.delete_folder(folder)


def _forget_rows(database: Database, workflow: WorkflowRecord, folders: set[str]) -> None:
    """Delete all rows of a workflow; the folders of its values are added to these."""
    with database.write() as connection:
        database.lock(connection, keys=[workflow.key])
        row = connection.execute(
            delete(schema.workflows)
            .where(schema.workflows.c.key == workflow.key, schema.workflows.c.run == workflow.run)
            .returning(schema.workflows.c.status)
        ).first()
        if row is None and folders:
            return  # an earlier try deleted it, and nobody heard of that
        if row is None:
            raise WorkflowNotFoundError(f"No such workflow_id {workflow.workflow_id!r}")
        if WorkflowStatus(row.status) in ACTIVE and workflow.status is not WorkflowStatus.RESUMABLE:
            raise WorkflowStillActiveError(
                f"workflow {workflow.workflow_id!r} is {row.status}: cancel it before you delete it"
            )
        folders |= folders_of(connection, workflow.key)
        for table in schema.OF_WORKFLOW:
            connection.execute(delete(table).where(table.c.workflow == workflow.key))
        _count(connection, WorkflowStatus(row.status), None)


def _count(connection: Connection, before: WorkflowStatus | None, after: WorkflowStatus | None) -> None:
    tally = Tally()
    tally.move(before, after)
    Counts(connection.dialect.name).add(connection, tally)


def folders_of(connection: Connection, key: int) -> set[str]:
    """The folders of the value store that are a workflow's, there or not."""
    stored = schema.stored_values
    named = select(stored.c.location).where(stored.c.workflow == key, stored.c.location.is_not(None))
    return {str(key)} | {location.rpartition("/")[0] for location in connection.execute(named).scalars()}
