"""What `storage.questions.task_queries` says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sqlalchemy import BindParameter, Dialect, and_, bindparam, literal_column, select

from heliograph.storage.composed.queries import limited
from heliograph.storage.questions.task_queries import INPUTS_TOLD
from heliograph.storage.statements.composing import Composed, constant, no_more, pair_among
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role

_ALL: Final = 2**62


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    tasks, attempts, needs = schema.tasks, schema.attempts, schema.dependencies
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    task = _task(tasks).where(tasks.c.workflow == of_workflow)
    chosen = partial(_of_keys, dialect)
    behind = (attempts.c.task > bindparam("of_task")) | (
        (attempts.c.task == bindparam("of_task")) & (attempts.c.attempt > bindparam("of_attempt"))
    )
    takes = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.task)
    return {
        "of_keys": Composed(_task(chosen(tasks)[0])),
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
        "attempt_page": Composed(
            limited(
                select(attempts)
                .where(attempts.c.workflow == of_workflow, attempts.c.task >= bindparam("of_task"), behind)
                .order_by(attempts.c.task, attempts.c.attempt)
            )
        ),
        "downstream": Composed(
            limited(
                select(tasks.c.task_id)
                .select_from(needs.join(tasks, takes))
                .where(needs.c.workflow == of_workflow, needs.c.upstream == bindparam("of_task"))
                .group_by(needs.c.task, tasks.c.task_id)
                .order_by(needs.c.task)
            )
        ),
        **_parts(_in_range, ""),
        **_parts(chosen, "_of_keys"),
        **(_parts(_of_id, "_of_id") if dialect.name == "postgresql" else {}),
    }


def _task(tasks: Any) -> Any:
    """Of a table of tasks, or of some of its rows."""
    functions, creators = schema.functions, schema.tasks.alias("creators")
    output, is_output = _stored(Role.OUTPUT, tasks)
    arguments, is_arguments = _stored(Role.ARGUMENTS, tasks)
    function = and_(functions.c.workflow == tasks.c.workflow, functions.c.function == tasks.c.function)
    creator = and_(creators.c.workflow == tasks.c.workflow, creators.c.task == tasks.c.creator)
    return select(
        tasks,
        functions.c.module,
        functions.c.qualname,
        functions.c.file,
        functions.c.line,
        functions.c.source_hash,
        *_of_value(output, "output"),
        *_of_value(arguments, "arguments"),
        creators.c.task_id.label("creator_id"),
    ).select_from(
        tasks.join(functions, function)
        .outerjoin(output, is_output)
        .outerjoin(arguments, is_arguments)
        .outerjoin(creators, creator)
    )


def _in_range(table: Any, *more: Any) -> tuple[Any, list[Any]]:
    """A table, and what its rows have to be: of a workflow's tasks from one number to another."""
    return table, [table.c.workflow == bindparam("of_workflow"), *_between(table), *more]


def _of_id(table: Any, *more: Any) -> tuple[Any, list[Any]]:
    """As `_in_range`, for the task of an id: a server is asked for it and what belongs to it at once."""
    tasks = schema.tasks.alias("chosen")
    task = select(tasks.c.task).where(
        tasks.c.workflow == bindparam("of_workflow"), tasks.c.task_id == bindparam("of_task_id")
    )
    return table, [
        table.c.workflow == bindparam("of_workflow"),
        table.c.task == task.scalar_subquery(),
        *more,
    ]


def _of_keys(dialect: Dialect, table: Any, *more: Any) -> tuple[Any, list[Any]]:
    """As `_in_range`, for some tasks of any workflows: the rows that belong to them.

    A limit above all lets the database find these first. Joined with others at once, it might, for each task,
    read all of its workflow: most have few, so it takes that for cheap.
    """
    its = pair_among(table.c.workflow, table.c.task, dialect)
    return no_more(select(table).where(its, *more), _ALL).subquery(table.name), []


def _parts(of: Callable[..., tuple[Any, list[Any]]], suffix: str) -> dict[str, Composed]:
    """What belongs to tasks, in order; `of` gives the rows of a table that do."""
    reports, its_reports = of(schema.reports)
    attempts, its_attempts = of(schema.attempts)
    needs, its_needs = of(schema.dependencies)
    inputs, its_inputs = of(
        schema.dependencies, schema.dependencies.c.place < literal_column(str(INPUTS_TOLD))
    )
    output, is_output = _stored(Role.OUTPUT, schema.tasks)
    made = {
        "upstream": _needed(needs).where(*its_needs),
        "inputs": _needed(inputs, output, is_output)
        .add_columns(*_of_value(output, "input"))
        .where(*its_inputs),
        "reports": select(reports).where(*its_reports),
        "attempts": select(attempts)
        .where(*its_attempts)
        .order_by(attempts.c.workflow, attempts.c.task, attempts.c.attempt),
    }
    return {f"{name}{suffix}": Composed(statement) for name, statement in made.items()}


def _needed(needs: Any, *also: Any) -> Any:
    """The tasks that others take outputs of; joined with something more."""
    tasks = schema.tasks
    needed = and_(tasks.c.workflow == needs.c.workflow, tasks.c.task == needs.c.upstream)
    joined = needs.join(tasks, needed)
    return (
        select(needs.c.workflow, needs.c.task, tasks.c.task_id)
        .select_from(joined.join(*also) if also else joined)
        .order_by(needs.c.workflow, needs.c.task, needs.c.place)
    )


def _stored(role: Role, tasks: Any) -> tuple[Any, Any]:
    """The stored values of a role, and that one is a task's."""
    table = schema.stored_values.alias(role.value)
    of_task = and_(table.c.workflow == tasks.c.workflow, table.c.task == tasks.c.task)
    return table, of_task & (table.c.role == constant(role))


def _of_value(table: Any, name: str) -> list[Any]:
    columns = (table.c.size, table.c.sha256, table.c.kind, table.c.location)
    return [column.label(f"{name}_{column.name}") for column in columns]


def _between(table: Any) -> tuple[Any, Any]:
    return table.c.task >= bindparam("first"), table.c.task <= bindparam("last")
