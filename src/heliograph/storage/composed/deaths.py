"""What `storage.journal.deaths` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, func, select

from heliograph.records.status import AttemptStatus, TaskStatus
from heliograph.storage.statements.composing import Composed, constant, constants
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    runs, owners, tasks, attempts = schema.runs, schema.owners, schema.tasks, schema.attempts
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    succeeded = attempts.c.status == constant(AttemptStatus.SUCCESSFUL)
    at_work = tasks.c.status.in_(constants([TaskStatus.READY, TaskStatus.RUNNING]))
    return {
        "last_good": Composed(
            select(func.max(attempts.c.run)).where(attempts.c.workflow == of_workflow, succeeded)
        ),
        "at_work": Composed(
            select(func.count()).select_from(tasks).where(tasks.c.workflow == of_workflow, at_work)
        ),
        "runs": Composed(
            select(runs.c.reason, owners.c.lease_until)
            .select_from(runs.outerjoin(owners, owners.c.owner_id == runs.c.owner))
            .where(runs.c.workflow == of_workflow, runs.c.run > bindparam("of_run"))
            .order_by(runs.c.run.desc())
        ),
    }
