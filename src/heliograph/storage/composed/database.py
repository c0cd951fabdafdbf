"""What `storage.databases.database` says."""

from __future__ import annotations

from sqlalchemy import Dialect, bindparam, select

from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows = schema.workflows
    return {"id": Composed(select(workflows.c.workflow_id).where(workflows.c.key == bindparam("damaged")))}
