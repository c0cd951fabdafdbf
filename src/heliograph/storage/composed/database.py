"""What `storage.database` says."""

from __future__ import annotations

from sqlalchemy import Dialect, bindparam, select

from heliograph.storage import schema
from heliograph.storage.composing import Composed


def statements(dialect: Dialect) -> dict[str, Composed]:
    """By name."""
    workflows = schema.workflows
    return {"id": Composed(select(workflows.c.workflow_id).where(workflows.c.key == bindparam("damaged")))}
