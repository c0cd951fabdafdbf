"""What `storage.journal.submissions` says."""

from __future__ import annotations

from sqlalchemy import Dialect, insert

from heliograph.storage.statements.composing import Composed, inserting
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    made = inserting(schema.workflows, dialect).on_conflict_do_nothing(index_elements=["workflow_id"])
    keyed = made.returning(schema.workflows.c.key) if dialect.name == "postgresql" else made
    columns = [column.name for column in schema.workflows.c if column.name != "key"]
    whole = {
        "run": schema.runs,
        "function": schema.functions,
        "task": schema.tasks,
        "dependency": schema.dependencies,
        "value": schema.stored_values,
    }
    return {
        "workflow": Composed(keyed, columns),
        "workflow_of_key": Composed(made, schema.workflows.c.keys()),
        **{name: Composed(insert(table), table.c.keys()) for name, table in whole.items()},
    }
