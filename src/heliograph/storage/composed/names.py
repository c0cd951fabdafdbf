"""What `storage.journal.names` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, func, or_, select

from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    tasks = schema.tasks
    key: BindParameter[int] = bindparam("of_workflow")
    base: BindParameter[str] = bindparam("base")
    # Between "name_" and "name`", the next character, lies all that begins with "name_".
    with_number = (tasks.c.task_id > bindparam("low")) & (tasks.c.task_id < bindparam("high"))
    return {
        "taken": Composed(
            select(tasks.c.task).where(tasks.c.workflow == key, tasks.c.task_id == bindparam("of_task_id"))
        ),
        "count": Composed(
            select(func.count()).where(tasks.c.workflow == key, or_(tasks.c.task_id == base, with_number))
        ),
    }
