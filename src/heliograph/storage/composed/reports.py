"""What `storage.journal.reports` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, func, insert, select, update

from heliograph.storage.statements.composing import Composed, inserting, replacing
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, tasks, reports, said = schema.workflows, schema.tasks, schema.reports, schema.said
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    is_task = (tasks.c.workflow == of_workflow) & (tasks.c.task == bindparam("of_task"))
    is_workflow = workflows.c.key == bindparam("of_key")
    counted = ("lines", "points", "lines_dropped", "points_dropped")
    add = inserting(reports, dialect)
    return {
        "count": Composed(
            add.on_conflict_do_update(
                index_elements=["workflow", "task", "attempt"],
                set_={name: add.excluded[name] for name in counted},
            ),
            ["workflow", "task", "attempt", *counted],
        ),
        "stand": Composed(replacing(reports, dialect), reports.c.keys()),
        "last": Composed(select(func.max(said.c.number)).where(said.c.workflow == of_workflow)),
        "said": Composed(insert(said), said.c.keys()),
        "of_task": Composed(select(tasks.c.user_metadata).where(is_task)),
        "of_workflow": Composed(select(workflows.c.user_metadata).where(is_workflow)),
        "set_of_task": Composed(update(tasks).where(is_task), ["user_metadata"]),
        "set_of_workflow": Composed(update(workflows).where(is_workflow), ["user_metadata"]),
    }
