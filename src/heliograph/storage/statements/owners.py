"""Workflows with who has them, as many statements ask for them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, select

from heliograph.records.status import ACTIVE
from heliograph.storage.statements.composing import constants
from heliograph.storage.tables import schema

OWNER_COLUMNS = (
    schema.owners.c.owner_id,
    schema.owners.c.host.label("owner_host"),
    schema.owners.c.machine,
    schema.owners.c.pid.label("owner_pid"),
    schema.owners.c.process_start,
    schema.owners.c.engine,
    schema.owners.c.lease_until,
    schema.owners.c.code.label("owner_code"),
)

PRESENCE_COLUMNS = (
    schema.workflows.c.owner,
    schema.owners.c.machine,
    schema.owners.c.pid,
    schema.owners.c.process_start,
    schema.owners.c.lease_until,
)
"""Whose a workflow is, and as much of that owner as tells whether it is there."""


ALWAYS_OF: Final = {"lease_until": schema.owners.c.lease_until}
"""What a computed column of an answer holds, by its name: the same as a table's, or null. See `lease`."""


def is_newest() -> ColumnElement[bool]:
    """Whether a run is the newest of its workflow."""
    workflows, runs = schema.workflows, schema.runs
    return and_(runs.c.workflow == workflows.c.key, runs.c.run == workflows.c.run)


def with_owner() -> Any:
    """Workflows, each with its owner."""
    workflows, owners = schema.workflows, schema.owners
    return workflows.outerjoin(owners, owners.c.owner_id == workflows.c.owner)


def lease() -> ColumnElement[float | None]:
    """Until when its owner has a workflow, of those that are active: of others nobody asks."""
    workflows, owners = schema.workflows, schema.owners
    until = select(owners.c.lease_until).where(owners.c.owner_id == workflows.c.owner)
    is_active = workflows.c.status.in_(constants(ACTIVE))
    return case((is_active, until.correlate(workflows).scalar_subquery()))
