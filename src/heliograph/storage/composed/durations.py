"""What `storage.questions.durations` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, select

from heliograph.records.status import AttemptStatus
from heliograph.storage.questions.durations import EACH, LOOKED_AT
from heliograph.storage.statements.composing import Composed, constant, no_more
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, functions = schema.workflows, schema.functions
    tasks, attempts = schema.tasks, schema.attempts
    newest: BindParameter[float] = bindparam("of_time")
    recent = no_more(
        select(workflows.c.key, workflows.c.created_time)
        .where(workflows.c.created_time <= newest, workflows.c.key != bindparam("of_workflow"))
        .order_by(workflows.c.created_time.desc()),
        LOOKED_AT,
    ).subquery()
    of_task = (tasks.c.workflow == attempts.c.workflow) & (tasks.c.task == attempts.c.task)
    return {
        "functions": Composed(
            select(functions.c.workflow, functions.c.function, functions.c.module, functions.c.qualname)
            .select_from(recent.join(functions, functions.c.workflow == recent.c.key))
            .order_by(recent.c.created_time.desc())
        ),
        "took": Composed(
            no_more(
                select(tasks.c.function, attempts.c.started, attempts.c.stored)
                .select_from(attempts.join(tasks, of_task))
                .where(
                    attempts.c.workflow == bindparam("of_workflow"),
                    attempts.c.status == constant(AttemptStatus.SUCCESSFUL),
                ),
                EACH,
            )
        ),
    }
