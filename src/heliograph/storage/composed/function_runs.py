"""What `storage.questions.function_runs` says."""

from __future__ import annotations

from sqlalchemy import BindParameter, Dialect, bindparam, select

from heliograph.storage.composed.queries import limited
from heliograph.storage.questions.function_runs import EACH
from heliograph.storage.statements.composing import Composed, no_more
from heliograph.storage.statements.owners import PRESENCE_COLUMNS, with_owner
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, functions = schema.workflows, schema.functions
    tasks, attempts = schema.tasks, schema.attempts
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    of_task = (attempts.c.workflow == tasks.c.workflow) & (attempts.c.task == tasks.c.task)
    named = functions.c.qualname == bindparam("of_name")
    newest = select(functions.c.module).where(named).order_by(functions.c.workflow.desc())
    this = named & (functions.c.module == bindparam("of_module"))
    having = select(functions.c.workflow).distinct().where(this).order_by(functions.c.workflow.desc())
    # A workflow has one several times where continuations brought it anew.
    its = select(functions.c.function).where(functions.c.workflow == of_workflow, this)
    return {
        "modules": Composed(limited(newest)),
        "having": Composed(limited(having)),
        "next": Composed(
            no_more(
                select(functions.c.qualname)
                .where(functions.c.qualname > bindparam("before"))
                .order_by(functions.c.qualname),
                1,
            )
        ),
        "workflow": Composed(
            select(workflows.c.workflow_id, workflows.c.created_time, workflows.c.status, *PRESENCE_COLUMNS)
            .select_from(with_owner())
            .where(workflows.c.key == of_workflow)
        ),
        "attempts": Composed(
            no_more(
                select(attempts.c.status, attempts.c.loaded, attempts.c.finished, attempts.c.peak_rss)
                .select_from(tasks.join(attempts, of_task))
                .where(tasks.c.workflow == of_workflow, tasks.c.function.in_(its)),
                EACH,
            )
        ),
    }
