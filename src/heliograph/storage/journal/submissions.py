"""Submission: a plan, its functions and its arguments become rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliograph.errors import StorageError
from heliograph.graph.function import Function
from heliograph.graph.plan import Plan, PlannedTask
from heliograph.records.attempt import Pickled
from heliograph.records.status import RunReason, TaskStatus, WorkflowStatus
from heliograph.records.workflow import Owner
from heliograph.scheduling.transitions import initial_status
from heliograph.storage import rows
from heliograph.storage.entries import Accepted, Expansion, Provenance, Refused, Submission, Unstored
from heliograph.storage.journal.labels import EMPTY, Labels
from heliograph.storage.journal.names import Names
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.layout import Role
from heliograph.storage.values.arguments import STAGED_SECONDS


class Submissions:
    """Stores new workflows, each within a transaction of the journal."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "submissions")
        self._names = Names(kind)
        self._labels = Labels(kind)

    def store(
        self,
        connection: Connection,
        submission: Submission,
        owner: Owner | None,
        now: float,
        key: int | None = None,
    ) -> Accepted | Refused | Unstored:
        """Store a workflow; refused, with `status` None, where its id is taken.

        Args:
            connection: of the transaction.
            submission: the workflow.
            owner: who has it; None: whoever takes it first.
            now: Unix seconds.
            key: which it is to have, in a transaction that hopes: all of it fails where the id is taken.
        """
        plan = submission.plan
        if submission.folder is not None and now - submission.created_time > STAGED_SECONDS:
            return Unstored(_too_late(submission, now))
        row = _workflow_row(submission, owner)
        if key is not None:
            self._statements.workflow_of_key.expect(connection, row | {"key": key})
        else:
            key = self._statements.workflow.key_of_new(connection, row)
            if key is None:
                return Refused(None)
        self._statements.run.tell(
            connection,
            run_row(
                key,
                run=1,
                reason=RunReason.START,
                status=submission.status,
                owner=owner,
                provenance=submission.provenance,
                now=submission.created_time,
            ),
        )
        self._labels.add(connection, key, submission.user_metadata)
        functions = list(enumerate(plan.functions))
        tasks = [
            _task_row(key, task, planned, planned.task_id, planned.function)
            for task, planned in enumerate(plan.tasks)
        ]
        self._write(connection, key, functions, tasks, plan, submission.arguments, first=0)
        return Accepted(key, 1)

    def expand(self, connection: Connection, key: int, expansion: Expansion) -> tuple[str, ...]:
        """Store the tasks of a continuation.

        Returns:
            Their ids; a name that the workflow has already got a number.
        """
        plan = expansion.plan
        names = self._names.unique(connection, key, plan)
        functions = [
            (number, function)
            for number, function in zip(expansion.functions, plan.functions, strict=True)
            if number in expansion.new_functions
        ]
        last = len(plan.tasks) - 1
        frame = expansion.frame
        tasks = [
            _task_row(
                key,
                expansion.first + place,
                planned,
                name,
                expansion.functions[planned.function],
                expansion.creator,
                frame,
                frame if place == last else None,
            )
            for place, (planned, name) in enumerate(zip(plan.tasks, names, strict=True))
        ]
        self._write(connection, key, functions, tasks, plan, expansion.arguments, expansion.first)
        return names

    def _write(
        self,
        connection: Connection,
        key: int,
        functions: Sequence[tuple[int, Function]],
        tasks: Sequence[tuple[Any, ...]],
        plan: Plan,
        arguments: Sequence[Pickled],
        first: int,
    ) -> None:
        self._statements.function.tell(connection, *[_function_row(key, *function) for function in functions])
        self._statements.task.put(connection, tasks)
        labelled, dependencies = [], []
        for task, planned in enumerate(plan.tasks, first):
            if planned.options.metadata_json != EMPTY:
                labelled.append((task, planned.options.metadata_json))
            for place, upstream in enumerate(planned.upstream):
                dependencies.append((key, task, place, first + upstream))
        if labelled:
            self._labels.add_of_tasks(connection, key, labelled)
        if dependencies:
            self._statements.dependency.put(connection, dependencies)
        self._statements.value.put(
            connection,
            [rows.value_row(key, task, Role.ARGUMENTS, value) for task, value in enumerate(arguments, first)],
        )


def run_row(
    key: int,
    *,
    run: int,
    reason: RunReason,
    status: WorkflowStatus,
    owner: Owner | None,
    provenance: Provenance,
    now: float,
    reused: int = 0,
) -> dict[str, Any]:
    """A run that begins."""
    return {
        "workflow": key,
        "run": run,
        "reason": str(reason),
        "status": str(status),
        "owner": owner and owner.owner_id,
        "created_time": now,
        "start_time": now if status is WorkflowStatus.RUNNING else None,
        "end_time": None,
        "cancel_time": None,
        "reused": reused,
        "code": provenance.code_json,
        "login": provenance.login,
        "argv": provenance.argv_json,
        "hostname": provenance.hostname,
        "error_type": None,
        "error_message": None,
        "error_task": None,
        "error": None,
    }


def _too_late(submission: Submission, now: float) -> StorageError:
    return StorageError(
        f"workflow {submission.workflow_id!r} is not stored: {now - submission.created_time:.0f} s "
        "have passed since its arguments were written, and somebody may have cleared them up: submit it again"
    )


def _workflow_row(submission: Submission, owner: Owner | None) -> dict[str, Any]:
    plan = submission.plan
    last = plan.tasks[-1]
    function = plan.functions[last.function]
    ready = len([planned for planned in plan.tasks if not planned.upstream])
    progress = {TaskStatus.READY: ready, TaskStatus.PENDING: len(plan.tasks) - ready}
    return {
        "workflow_id": submission.workflow_id,
        "name": f"{function.module}.{function.qualname}",
        "status": str(submission.status),
        "run": 1,
        "created_time": submission.created_time,
        "user_metadata": submission.user_metadata,
        "output_task": len(plan.tasks) - 1,
        "output_options": rows.options_json(last.options),
        "progress": rows.progress_json({status: count for status, count in progress.items() if count}),
        "parent": submission.parent,
        "owner": owner and owner.owner_id,
        "start_time": submission.created_time if submission.status is WorkflowStatus.RUNNING else None,
        "end_time": None,
    }


def _function_row(key: int, number: int, function: Function) -> dict[str, Any]:
    return {
        "workflow": key,
        "function": number,
        "module": function.module,
        "qualname": function.qualname,
        "file": function.file,
        "line": function.line,
        "source_hash": function.source_hash,
        "payload": function.payload,
        "is_async": function.is_async,
    }


def _task_row(
    key: int,
    task: int,
    planned: PlannedTask,
    task_id: str,
    function: int,
    creator: int | None = None,
    frame: int | None = None,
    delivers_to: int | None = None,
) -> tuple[Any, ...]:
    """A task with its id and the number of its function, in the order of the table's columns."""
    options = planned.options
    return (
        key,
        task,
        task_id,
        function,
        str(initial_status(planned.upstream)),
        rows.options_json(options),
        options.metadata_json,
        None,
        creator,
        frame,
        delivers_to,
        None,
    )
