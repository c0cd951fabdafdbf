"""What `storage.requests.handover` says."""

from __future__ import annotations

from sqlalchemy import Dialect, bindparam, func, or_, select

from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.storage.composed.queries import limited
from heliograph.storage.statements.composing import Composed, among, constant, constants
from heliograph.storage.statements.owners import OWNER_COLUMNS, with_owner
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows = schema.workflows
    is_active = workflows.c.status.in_(constants(ACTIVE))
    had_none = workflows.c.owner.is_(None)
    is_lost = among(workflows.c.owner, "gone", dialect)
    active = (
        select(workflows.c.workflow_id)
        .where(is_active)
        .order_by(workflows.c.status != constant(WorkflowStatus.RUNNING), workflows.c.key)
    )
    return {
        "waiting": Composed(
            select(func.count())
            .select_from(workflows)
            .where(workflows.c.status == constant(WorkflowStatus.PENDING), had_none)
        ),
        "mine": Composed(
            select(workflows.c.key).where(
                workflows.c.workflow_id == bindparam("of_id"),
                workflows.c.created_time == bindparam("of_time"),
            )
        ),
        "held": Composed(
            select(*OWNER_COLUMNS)
            .select_from(with_owner())
            .where(is_active, workflows.c.owner.is_not(None))
            .group_by(*OWNER_COLUMNS)
        ),
        "lost": Composed(limited(active.where(is_lost))),
        "unowned": Composed(limited(active.where(or_(is_lost, had_none)))),
    }
