"""What `storage.task_queries` says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Dialect, and_, bindparam, literal_column, select

from heliograph.storage import schema
from heliograph.storage.composed.queries import limited
from heliograph.storage.layout import Role
from heliograph.storage.statements import Composed, constant
from heliograph.storage.task_queries import INPUTS_TOLD


def statements(dialect: Dialect) -> dict[str, Composed]:
    """By name."""
    tasks, functions = schema.tasks, schema.functions
    attempts, needs, reports = schema.attempts, schema.dependencies, schema.reports
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    output, is_output = _stored(Role.OUTPUT)
    arguments, is_arguments = _stored(Role.ARGUMENTS)
    creators = tasks.alias("creators")
    function = and_(functions.c.workflow == tasks.c.workflow, functions.c.function == tasks.c.function)
    creator = and_(creators.c.workflow == tasks.c.workflow, creators.c.task == tasks.c.creator)
    task = (
        select(
            tasks,
            functions.c.module,
            functions.c.qualname,
            functions.c.file,
            functions.c.line,
            functions.c.source_hash,
            *_of_value(output, "output"),
            *_of_value(arguments, "arguments"),
            creators.c.task_id.label("creator_id"),
        )
        .select_from(
            tasks.join(functions, function)
            .outerjoin(output, is_output)
            .outerjoin(arguments, is_arguments)
            .outerjoin(creators, creator)
        )
        .where(tasks.c.workflow == of_workflow)
    )
    behind = (attempts.c.task > bindparam("of_task")) | (
        (attempts.c.task == bindparam("of_task")) & (attempts.c.attempt > bindparam("of_attempt"))
    )
    needed = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.upstream)
    takes = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.task)
    upstream = (
        select(needs.c.task, tasks.c.task_id)
        .where(needs.c.workflow == of_workflow, *_between(needs))
        .order_by(needs.c.task, needs.c.place)
    )
    return {
        "task": Composed(task.where(tasks.c.task_id == bindparam("of_task_id"))),
        "page": Composed(limited(task.where(tasks.c.task > bindparam("after")).order_by(tasks.c.task))),
        "number": Composed(
            select(tasks.c.task).where(
                tasks.c.workflow == of_workflow, tasks.c.task_id == bindparam("of_task_id")
            )
        ),
        "ids": Composed(
            select(tasks.c.task, tasks.c.task_id).where(tasks.c.workflow == of_workflow, *_between(tasks))
        ),
        "attempts": Composed(
            select(attempts)
            .where(attempts.c.workflow == of_workflow, *_between(attempts))
            .order_by(attempts.c.task, attempts.c.attempt)
        ),
        "attempt_page": Composed(
            limited(
                select(attempts)
                .where(attempts.c.workflow == of_workflow, attempts.c.task >= bindparam("of_task"), behind)
                .order_by(attempts.c.task, attempts.c.attempt)
            )
        ),
        "reports": Composed(select(reports).where(reports.c.workflow == of_workflow, *_between(reports))),
        "upstream": Composed(upstream.select_from(needs.join(tasks, needed))),
        "downstream": Composed(
            limited(
                select(tasks.c.task_id)
                .select_from(needs.join(tasks, takes))
                .where(needs.c.workflow == of_workflow, needs.c.upstream == bindparam("of_task"))
                .group_by(needs.c.task, tasks.c.task_id)
                .order_by(needs.c.task)
            )
        ),
        "inputs": Composed(
            upstream.where(needs.c.place < literal_column(str(INPUTS_TOLD)))
            .add_columns(*_of_value(output, "input"))
            .select_from(needs.join(tasks, needed).join(output, is_output))
        ),
    }


def _stored(role: Role) -> tuple[Any, Any]:
    """The stored values of a role, and that one is a task's."""
    table, tasks = schema.stored_values.alias(role.value), schema.tasks
    of_task = and_(table.c.workflow == tasks.c.workflow, table.c.task == tasks.c.task)
    return table, of_task & (table.c.role == constant(role))


def _of_value(table: Any, name: str) -> list[Any]:
    columns = (table.c.size, table.c.sha256, table.c.kind, table.c.location)
    return [column.label(f"{name}_{column.name}") for column in columns]


def _between(table: Any) -> tuple[Any, Any]:
    return table.c.task >= bindparam("first"), table.c.task <= bindparam("last")
