"""Workflows with who has them, as many statements ask for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_

from heliograph.storage import schema

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


def with_owner() -> Any:
    """Workflows, each with its newest run and that one's owner."""
    workflows, runs, owners = schema.workflows, schema.runs, schema.owners
    newest = and_(runs.c.workflow == workflows.c.key, runs.c.run == workflows.c.run)
    return workflows.join(runs, newest).outerjoin(owners, owners.c.owner_id == runs.c.owner)
