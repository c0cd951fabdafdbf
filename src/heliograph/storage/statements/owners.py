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
    schema.runs.c.owner,
    schema.owners.c.machine,
    schema.owners.c.pid,
    schema.owners.c.process_start,
    schema.owners.c.lease_until,
)
"""Whose a run is, and as much of that owner as tells whether it is there."""


ALWAYS_OF: Final = {"lease_until": schema.owners.c.lease_until}
"""Columns by whose name an answer has their values, or none, where they are computed too: see `lease`."""


def with_run() -> Any:
    """Workflows, each with its newest run."""
    return schema.workflows.join(schema.runs, is_newest())


def is_newest() -> ColumnElement[bool]:
    """Whether a run is the newest of its workflow."""
    workflows, runs = schema.workflows, schema.runs
    return and_(runs.c.workflow == workflows.c.key, runs.c.run == workflows.c.run)


def with_owner() -> Any:
    """Workflows, each with its newest run and that one's owner."""
    owners = schema.owners
    return with_run().outerjoin(owners, owners.c.owner_id == schema.runs.c.owner)


def lease() -> ColumnElement[float | None]:
    """Until when the owner of a run has it, of workflows that are active: of others nobody asks."""
    runs, owners = schema.runs, schema.owners
    until = select(owners.c.lease_until).where(owners.c.owner_id == runs.c.owner)
    is_active = schema.workflows.c.status.in_(constants(ACTIVE))
    return case((is_active, until.correlate(runs).scalar_subquery()))
