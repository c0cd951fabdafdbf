"""What `storage.journal.changelog` says."""

from __future__ import annotations

from sqlalchemy import Dialect, bindparam, func, insert, literal_column, select

from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    changes = schema.changes
    last = select(func.max(changes.c.number)).where(changes.c.workflow == bindparam("of_workflow"))
    number = func.coalesce(last.scalar_subquery(), literal_column("0")) + literal_column("1")
    note = insert(changes).values(
        workflow=bindparam("of_workflow"),
        number=number,
        run=bindparam("of_run"),
        time=bindparam("at"),
        what=bindparam("story"),
    )
    return {"note": Composed(note.inline())}  # inline: nobody asks for the number
