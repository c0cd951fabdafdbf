"""What `storage.journal.journal` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, and_, bindparam, delete, func, select, update

from heliograph.records.status import ACTIVE
from heliograph.storage.statements.composing import Composed, among, constant, constants, inserting, replacing
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, runs, tasks = schema.workflows, schema.runs, schema.tasks
    register = inserting(schema.owners, dialect).on_conflict_do_nothing()
    fenced = update(workflows).where(
        workflows.c.key == bindparam("of_key"),
        workflows.c.run == bindparam("of_run"),
        workflows.c.status.in_(constants(ACTIVE)),
    )
    of_task = update(tasks).where(
        tasks.c.workflow == bindparam("of_workflow"), tasks.c.task == bindparam("of_task")
    )
    of_tasks = among(tasks.c.task, "of_tasks", dialect)
    values = schema.stored_values
    started: BindParameter[float] = bindparam("started", type_=workflows.c.start_time.type)
    of_run = and_(runs.c.workflow == bindparam("of_workflow"), runs.c.run == bindparam("of_run"))
    return {
        "register": Composed(register, schema.owners.c.keys()),
        "renew": Composed(
            update(schema.owners).where(schema.owners.c.owner_id == bindparam("of_owner")), ["lease_until"]
        ),
        "find_out": Composed(
            update(schema.owners).where(schema.owners.c.owner_id == bindparam("of_owner")), ["code"]
        ),
        "hold": Composed(fenced, ["progress"]),  # without the status, whose index it would write anew
        "move": Composed(
            fenced.values(start_time=func.coalesce(started, workflows.c.start_time)),
            ["status", "progress", "end_time"],
        ),
        "lease": Composed(
            select(schema.owners.c.lease_until)
            .where(schema.owners.c.owner_id == bindparam("of_owner"))
            .with_for_update()
        ),
        "stands": Composed(
            select(workflows.c.run, workflows.c.status).where(workflows.c.key == bindparam("of_key"))
        ),
        "mark": Composed(of_task, ["status"]),
        "mark_all": Composed(
            update(tasks).where(tasks.c.workflow == bindparam("of_workflow"), of_tasks), ["status"]
        ),
        "sleep": Composed(of_task, ["due"]),
        "attempt": Composed(replacing(schema.attempts, dialect), schema.attempts.c.keys()),
        "value": Composed(replacing(schema.stored_values, dialect), schema.stored_values.c.keys()),
        "forget": Composed(
            delete(values).where(
                values.c.workflow == bindparam("of_workflow"),
                values.c.role == constant(Role.OUTPUT),
                values.c.task == bindparam("of_task"),
            )
        ),
        "begin": Composed(update(runs).where(of_run), ["status", "start_time"]),
        "end": Composed(
            update(runs).where(of_run),
            ["status", "end_time", "error_type", "error_message", "error_task", "error"],
        ),
    }
