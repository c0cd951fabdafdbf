"""What `storage.journal.labels` says."""

from __future__ import annotations

from sqlalchemy import Dialect, bindparam, delete, insert

from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    of_workflow, of_task = schema.workflow_labels, schema.task_labels
    return {
        "add_of_workflow": Composed(insert(of_workflow), of_workflow.c.keys()),
        "add_of_task": Composed(insert(of_task), of_task.c.keys()),
        "drop_of_workflow": Composed(
            delete(of_workflow).where(of_workflow.c.workflow == bindparam("of_workflow"))
        ),
        "drop_of_task": Composed(
            delete(of_task).where(
                of_task.c.workflow == bindparam("of_workflow"), of_task.c.task == bindparam("of_task")
            )
        ),
    }
