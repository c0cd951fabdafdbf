"""What `storage.requests.control` says."""

from __future__ import annotations

from sqlalchemy import Dialect, bindparam, delete

from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    return {
        f"forget_{table.name}": Composed(delete(table).where(table.c.workflow == bindparam("of_workflow")))
        for table in schema.OF_WORKFLOW
    }
