"""What `storage.questions.watching` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, literal_column, select

from heliograph.storage.composed.queries import limited
from heliograph.storage.statements.composing import Composed
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    changes, said, tasks, runs = schema.changes, schema.said, schema.tasks, schema.runs
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    of_task = (tasks.c.workflow == said.c.workflow) & (tasks.c.task == said.c.task)
    since = (
        select(said, tasks.c.task_id)
        .select_from(said.join(tasks, of_task))
        .where(said.c.workflow == of_workflow, said.c.number >= bindparam("first"))
        .order_by(said.c.number)
    )
    of_kind = since.where(said.c.kind == bindparam("of_kind"))
    return {
        "changes": Composed(
            limited(
                select(changes)
                .where(changes.c.workflow == of_workflow, changes.c.number >= bindparam("first"))
                .order_by(changes.c.number)
            )
        ),
        "first_run": Composed(
            select(runs.c.created_time, runs.c.start_time).where(
                runs.c.workflow == of_workflow, runs.c.run == literal_column("1")
            )
        ),
        "said": Composed(since.where(said.c.number <= bindparam("last"))),
        "page": Composed(limited(of_kind)),
        "page_of_task": Composed(limited(of_kind.where(tasks.c.task_id == bindparam("of_task_id")))),
    }
