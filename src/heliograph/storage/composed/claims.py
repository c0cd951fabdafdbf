"""What `storage.journal.claims` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, exists, func, insert, or_, select, update

from heliograph.records.status import ACTIVE, AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.storage.statements.composing import Composed, constant, constants
from heliograph.storage.statements.owners import OWNER_COLUMNS, with_owner
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, runs, tasks, attempts = schema.workflows, schema.runs, schema.tasks, schema.attempts
    values = schema.stored_values
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    stored = exists().where(
        values.c.workflow == tasks.c.workflow,
        values.c.task == tasks.c.task,
        values.c.role == constant(Role.OUTPUT),
    )
    as_found = update(workflows).where(
        workflows.c.key == bindparam("of_key"),
        workflows.c.run == bindparam("of_run"),
        workflows.c.status == bindparam("of_status"),
    )
    return {
        "find": Composed(
            select(
                workflows.c.key, workflows.c.status, workflows.c.run, workflows.c.output_task, *OWNER_COLUMNS
            )
            .select_from(with_owner())
            .where(workflows.c.workflow_id == bindparam("of_id"))
        ),
        "take": Composed(as_found, ["run", "status", "owner", "start_time", "end_time"]),
        "give_up": Composed(as_found, ["status", "end_time"]),
        "end_lost_run": Composed(
            update(runs).where(
                runs.c.workflow == of_workflow,
                runs.c.run == bindparam("of_run"),
                runs.c.status.in_(constants(ACTIVE)),
            ),
            ["status"],
        ),
        "end_run": Composed(
            update(runs).where(runs.c.workflow == of_workflow, runs.c.run == bindparam("of_run")),
            ["status", "end_time", "error_type", "error_message", "error"],
        ),
        "end_lost_attempts": Composed(
            update(attempts).where(
                attempts.c.workflow == of_workflow, attempts.c.status == constant(AttemptStatus.RUNNING)
            ),
            ["status"],
        ),
        "reset": Composed(
            update(tasks).where(
                tasks.c.workflow == of_workflow,
                tasks.c.status != constant(TaskStatus.SUCCESSFUL),
                # Of a continuation, that may be over: somebody may have caught its exception.
                or_(tasks.c.status != constant(TaskStatus.FAILED), tasks.c.frame.is_(None)),
            ),
            ["status"],
        ),
        "reuse": Composed(update(tasks).where(tasks.c.workflow == of_workflow, stored), ["reused_in"]),
        "counts": Composed(
            select(tasks.c.status, func.count().label("tasks"))
            .where(tasks.c.workflow == of_workflow)
            .group_by(tasks.c.status)
        ),
        "count": Composed(update(workflows).where(workflows.c.key == bindparam("of_key")), ["progress"]),
        "output": Composed(
            select(values).where(
                values.c.workflow == of_workflow,
                values.c.task == bindparam("of_task"),
                values.c.role == constant(Role.OUTPUT),
            )
        ),
        "run": Composed(insert(runs), runs.c.keys()),
        "adopt_run": Composed(
            update(runs).where(runs.c.workflow == of_workflow, runs.c.run == bindparam("of_run")),
            ["owner", "status", "start_time"],
        ),
        "running": Composed(
            select(func.count().label("workflows"), *OWNER_COLUMNS)
            .select_from(with_owner())
            .where(workflows.c.status == constant(WorkflowStatus.RUNNING))
            .group_by(*OWNER_COLUMNS)
        ),
    }
