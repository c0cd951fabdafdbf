"""What `storage.questions.checkpoints` says."""

from __future__ import annotations

import operator

from sqlalchemy import BindParameter, Dialect, bindparam, exists, func, select

from heliograph.records.status import ACTIVE, TASK_OVER
from heliograph.storage.statements.composing import Composed, among, constant, constants, no_more
from heliograph.storage.statements.owners import is_newest
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    tasks, functions, needs = schema.tasks, schema.functions, schema.dependencies
    attempts, values, workflows, runs = (
        schema.attempts,
        schema.stored_values,
        schema.workflows,
        schema.runs,
    )
    key: BindParameter[int] = bindparam("of_workflow")
    failed = tasks.c.task_id.label("error_task_id")
    tried = attempts.alias("tried")
    of_failed = (runs.c.workflow, runs.c.error_task, runs.c.run)
    last = select(func.max(tried.c.attempt)).where(
        *map(operator.eq, (tried.c.workflow, tried.c.task, tried.c.run), of_failed)
    )
    raised_in = (
        select(attempts.c.error_traceback)
        .where(attempts.c.workflow == runs.c.workflow, attempts.c.task == runs.c.error_task)
        .where(attempts.c.attempt == last.scalar_subquery())
        .scalar_subquery()
        .label("error_traceback")
    )
    upstream, within = tasks.alias("upstream_task"), tasks.alias("within")
    needs_another = exists().where(
        needs.c.workflow == tasks.c.workflow,
        needs.c.task == tasks.c.task,
        upstream.c.workflow == needs.c.workflow,
        upstream.c.task == needs.c.upstream,
        upstream.c.status.not_in(constants(TASK_OVER)),
    )
    handed_over = select(within.c.frame).where(  # frames: they have their delegates' outputs in the end
        within.c.workflow == key,
        within.c.frame.is_not(None),
        within.c.status.not_in(constants(TASK_OVER)),
    )
    active = select(workflows.c.key, workflows.c.run).where(workflows.c.status.in_(constants(ACTIVE)))
    return {
        "tasks": Composed(
            select(
                tasks.c.task_id,
                tasks.c.function,
                tasks.c.status,
                tasks.c.options,
                tasks.c.user_metadata,
                tasks.c.frame,
                tasks.c.delivers_to,
                tasks.c.due,
            )
            .where(tasks.c.workflow == key)
            .order_by(tasks.c.task)
        ),
        "output_task": Composed(
            select(workflows.c.output_task).where(workflows.c.key == bindparam("of_key"))
        ),
        "functions": Composed(
            select(
                functions.c.module,
                functions.c.qualname,
                functions.c.payload,
                functions.c.is_async,
                functions.c.source_hash,
            )
            .where(functions.c.workflow == key)
            .order_by(functions.c.function)
        ),
        "needs": Composed(
            select(needs.c.task, needs.c.upstream)
            .where(needs.c.workflow == key)
            .order_by(needs.c.task, needs.c.place)
        ),
        "stored": Composed(
            select(values.c.task).where(values.c.workflow == key, values.c.role == constant(Role.OUTPUT))
        ),
        "attempts": Composed(
            select(attempts.c.task, func.max(attempts.c.attempt).label("attempts"))
            .where(attempts.c.workflow == key)
            .group_by(attempts.c.task)
        ),
        "value": Composed(
            select(values).where(
                values.c.workflow == key,
                values.c.task == bindparam("of_task"),
                values.c.role == bindparam("of_role"),
            )
        ),
        "number": Composed(
            select(tasks.c.task, tasks.c.delivers_to).where(
                tasks.c.workflow == key, tasks.c.task_id == bindparam("of_task_id")
            )
        ),
        "by_number": Composed(
            select(tasks.c.task, tasks.c.delivers_to, tasks.c.status).where(
                tasks.c.workflow == key, tasks.c.task == bindparam("of_task")
            )
        ),
        "goes_on": Composed(
            no_more(
                select(tasks.c.task).where(
                    tasks.c.workflow == key,
                    tasks.c.task_id != bindparam("but_task_id"),
                    tasks.c.status.not_in(constants(TASK_OVER)),
                    ~needs_another,
                    tasks.c.task.not_in(handed_over),
                ),
                1,
            )
        ),
        "error": Composed(
            select(runs.c.error_type, runs.c.error_message, runs.c.error, failed, raised_in)
            .select_from(
                workflows.join(runs, is_newest()).outerjoin(
                    tasks, (tasks.c.workflow == runs.c.workflow) & (tasks.c.task == runs.c.error_task)
                )
            )
            .where(workflows.c.key == key)
        ),
        "run_status": Composed(
            select(runs.c.status).where(runs.c.workflow == key, runs.c.run == bindparam("of_run"))
        ),
        "active": Composed(active.where(among(workflows.c.key, "of_keys", dialect))),
    }
