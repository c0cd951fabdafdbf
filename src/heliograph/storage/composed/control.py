"""What `storage.requests.control` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, delete, update

from heliograph.records.status import ACTIVE, TASK_OVER, AttemptStatus
from heliograph.storage.statements.composing import Composed, constant, constants
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, runs, tasks, attempts = schema.workflows, schema.runs, schema.tasks, schema.attempts
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    of_run: BindParameter[int] = bindparam("of_run")
    its = workflows.c.key == bindparam("of_key")
    stop = update(workflows).where(its, workflows.c.status.in_(constants(ACTIVE))).returning(workflows.c.run)
    unfinished = tasks.c.status.not_in(constants(TASK_OVER))
    running = attempts.c.status == constant(AttemptStatus.RUNNING)
    return {
        "stop": Composed(stop, ["status"]),
        "stop_of_run": Composed(stop.where(workflows.c.run == of_run), ["status"]),
        "stop_tasks": Composed(
            update(tasks).where(tasks.c.workflow == of_workflow, unfinished).returning(tasks.c.task),
            ["status"],
        ),
        "cancel_run": Composed(
            update(runs).where(runs.c.workflow == of_workflow, runs.c.run == of_run),
            ["status", "cancel_time"],
        ),
        "cancel_attempts": Composed(
            update(attempts).where(attempts.c.workflow == of_workflow, running),
            ["status", "finished", "stored"],
        ),
        "stopped": Composed(update(workflows).where(its), ["progress", "end_time"]),
        **{
            f"forget_{table.name}": Composed(delete(table).where(table.c.workflow == of_workflow))
            for table in schema.OF_WORKFLOW
        },
    }
