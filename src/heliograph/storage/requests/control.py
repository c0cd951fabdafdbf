"""Cancelling and deleting: what anybody may ask for, from any process that reaches the storage."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import delete, select

from heliograph.errors import StorageCorruptError, WorkflowNotFoundError, WorkflowStillActiveError
from heliograph.records.attempt import Failure
from heliograph.records.status import ACTIVE, AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.databases.news import Notice
from heliograph.storage.entries import Standing
from heliograph.storage.journal.changelog import Changelog, story_row
from heliograph.storage.journal.counts import Counts, Tally, recount
from heliograph.storage.questions.queries import Queries
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import Row, Statement
from heliograph.storage.tables import schema
from heliograph.storage.values.arguments import is_staged
from heliograph.storage.values.value_store import ValueStore


def standing(database: Database, queries: Queries, workflow_id: str) -> Standing | None:
    """How a workflow stands; None: there is none of this id."""
    try:
        record = queries.workflow(workflow_id)
    except StorageCorruptError:
        workflows = schema.workflows
        asked = select(workflows.c.key, workflows.c.run).where(workflows.c.workflow_id == workflow_id)
        with database.careful() as connection:
            row = connection.execute(asked).first()
        return None if row is None else Standing(row.key, workflow_id, row.run, is_left=False)
    if record is None:
        return None
    return Standing(record.key, workflow_id, record.run, record.status is WorkflowStatus.RESUMABLE)


def cancel(database: Database, key: int, clock: Callable[[], float]) -> bool:
    """Store that a workflow is cancelled; its engine finds that out and stops what runs.

    Returns:
        Whether it was active until now.
    """
    now = clock()
    said = statements(database.kind, "control")
    stopped = _Stopped(
        WorkflowStatus.CANCELED,
        TaskStatus.CANCELED,
        (said.cancel_attempts, {"status": AttemptStatus.CANCELED.value, "finished": now, "stored": now}),
        (said.cancel_run, {"cancel_time": now}),
    )
    return _stop(database, key, None, stopped, now)


def give_up(database: Database, key: int, run: int, failure: Failure, clock: Callable[[], float]) -> bool:
    """Store that a run failed, since what is stored of its workflow is damaged.

    Args:
        database: where.
        key: of the workflow.
        run: number of the run.
        failure: what is wrong.
        clock: gives Unix seconds.

    Returns:
        Whether it was active until now.
    """
    now = clock()
    error = {
        "error_type": failure.kind,
        "error_message": rows.cleaned(failure.message),
        "error": failure.error,
    }
    said = statements(database.kind, "claims")
    stopped = _Stopped(
        WorkflowStatus.FAILED,
        TaskStatus.PENDING,
        (said.end_lost_attempts, {"status": AttemptStatus.LOST.value}),
        (said.end_run, {"end_time": now} | error),
    )
    return _stop(database, key, run, stopped, now)


class _Stopped(NamedTuple):
    """What a workflow becomes that does not come to an end by itself.

    Attributes:
        status: of it and its run.
        task: of its tasks that were not over.
        attempts: what is said of its attempts that ran.
        run: what is said of its run, beside the status.
    """

    status: WorkflowStatus
    task: TaskStatus
    attempts: tuple[Statement, dict[str, Any]]
    run: tuple[Statement, dict[str, Any]]


def _stop(database: Database, key: int, run: int | None, stopped: _Stopped, now: float) -> bool:
    """End a workflow that is active, with its run of this number (None: any); whether it was."""
    said, of_workflow = statements(database.kind, "control"), {"of_workflow": key}
    status = {"status": stopped.status.value}
    with database.write() as connection:
        # The first change locks the workflow.
        stop = said.stop if run is None else said.stop_of_run
        found = _rows(connection, stop, {"of_key": key, "of_run": run} | status)
        if not found:
            return False
        ((run,),) = found
        statement, columns = stopped.run
        statement.tell(connection, of_workflow | {"of_run": run} | status | columns)
        ended = _rows(connection, said.stop_tasks, of_workflow | {"status": stopped.task.value})
        # A status that is none goes along: whoever reads the counts sees it.
        progress = dict(_rows(connection, statements(database.kind, "claims").counts, of_workflow))
        # A key of a task may be anything in a damaged row.
        numbers = sorted([task for (task,) in ended if isinstance(task, int)])
        story = json.dumps([["tasks", numbers, stopped.task.value], ["run", run, stopped.status.value]])
        # To a server, all that follows is said as one.
        Changelog(database.kind).note(connection, story_row(key, run, now, story))
        statement, columns = stopped.attempts
        statement.tell(connection, of_workflow | columns)
        whole = {"progress": rows.progress_json(progress), "end_time": stopped.run[1].get("end_time")}
        said.stopped.tell(connection, {"of_key": key} | whole)
        _count(connection, None, stopped.status)
    database.news.tell(Notice(frozenset([key]), frozenset([key])))
    return True


def _rows(connection: Connection, statement: Statement, values: Row) -> list[tuple[Any, ...]]:
    """As they are: also what is damaged can be stopped."""
    found: list[tuple[Any, ...]] = connection.raw.execute(*statement.told(**values)).fetchall()
    return found


def forget(database: Database, values: ValueStore, workflow: Standing) -> None:
    """Delete a workflow and all that was stored of it; a server that goes away meanwhile is waited for.

    Raises:
        WorkflowStillActiveError: an engine has it; it has to be cancelled first.
        WorkflowNotFoundError: somebody deleted it meanwhile.
    """
    folders: set[str] = set()
    database.again(lambda: _forget_rows(database, workflow, folders))
    database.news.tell(Notice(frozenset([workflow.key]), frozenset([workflow.key])))
    for folder in folders:
        values.delete_folder(folder)


def _forget_rows(database: Database, workflow: Standing, folders: set[str]) -> None:
    """Delete all rows of a workflow; the folders of its values are added to these."""
    with database.write() as connection, database.any_text(connection):
        row = connection.execute(
            delete(schema.workflows)
            .where(schema.workflows.c.key == workflow.key, schema.workflows.c.run == workflow.run)
            .returning(schema.workflows.c.status)
        ).first()
        if row is None and folders:
            return  # an earlier try deleted it, and nobody heard of that
        if row is None:
            raise WorkflowNotFoundError(f"No such workflow_id {workflow.workflow_id!r}")
        if row.status in ACTIVE and not workflow.is_left:
            raise WorkflowStillActiveError(
                f"workflow {workflow.workflow_id!r} is {row.status}: cancel it before you delete it"
            )
        folders |= _folders_of(connection, workflow.key)
        said = statements(database.kind, "control")
        for table in schema.OF_WORKFLOW:  # to a server, all as one
            getattr(said, f"forget_{table.name}").tell(connection, {"of_workflow": workflow.key})
        if row.status in set(WorkflowStatus):
            _count(connection, WorkflowStatus(row.status), None)
        else:  # nobody knows as what it was counted
            recount(connection)


def _count(connection: Connection, before: WorkflowStatus | None, after: WorkflowStatus | None) -> None:
    tally = Tally()
    tally.move(before, after)
    Counts(connection.dialect.name).add(connection, tally)


def _folders_of(connection: Connection, key: int) -> set[str]:
    """The folders of the value store that are a workflow's, there or not.

    A damaged location may name another one's folder, or all of the store: what it names is left alone.
    """
    stored = schema.stored_values
    named = select(stored.c.location).where(stored.c.workflow == key, stored.c.location.is_not(None))
    folders = {str(location).rpartition("/")[0] for location in connection.execute(named).scalars()}
    return {str(key)} | {folder for folder in folders if is_staged(folder)}
