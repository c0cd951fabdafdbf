"""Fields as columns of one row of workflows or of tasks.

What another table has is a subquery that belongs to that row; so a statement never multiplies rows, and reads
only what it asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    Dialect,
    FromClause,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import UnaryExpression

from heliograph.records.status import ACTIVE, LEFT_TASK, TaskStatus, WorkflowStatus
from heliograph.search.fields import OF_WORKFLOW
from heliograph.storage.searching.prepared import filled, owners_there
from heliograph.storage.statements.composing import among_bound, constant, constants
from heliograph.storage.statements.owners import is_newest
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role

Column = ColumnElement[Any]


class Columns:
    """The columns of one kind of row.

    Args:
        tasks: of tasks, else of workflows.
        dialect: of the database. Also an attribute.

    Attributes:
        is_server: the database is a server, which chooses its indexes itself. SQLite takes none for these
            columns: whoever asks has chosen one.
    """

    def __init__(self, tasks: bool, dialect: Dialect) -> None:
        self.tasks = tasks
        self.dialect = dialect
        self.is_server = dialect.name != "sqlite"

    @property
    def table(self) -> FromClause:
        """Where the rows are."""
        return schema.tasks if self.tasks else schema.workflows

    @property
    def key(self) -> tuple[Column, ...]:
        """What tells rows apart, and orders them: later ones have more."""
        if self.tasks:
            return schema.tasks.c.workflow, schema.tasks.c.task
        return (schema.workflows.c.key,)

    @property
    def workflow(self) -> Column:
        """The key of the row's workflow."""
        return self.key[0]

    def field(self, name: str) -> Column:
        """The column of a field that is neither metadata nor a status of a workflow."""
        if not self.tasks:
            if name in ("workflow_id", "name", "created_time", "parent"):
                return self.unindexed(schema.workflows.c[name])
            return _OF_WORKFLOW[name]()
        if name.startswith(f"{OF_WORKFLOW}."):
            return self._of_its_workflow(schema.workflows.c[name.removeprefix(f"{OF_WORKFLOW}.")])
        if name == "workflow_id":
            return self._of_its_workflow(schema.workflows.c.workflow_id)
        return self.unindexed(_OF_TASK[name]()) if name in ("status", "name", "task_id") else _OF_TASK[name]()

    def compared(self, name: str, compare: Callable[[Column], Column]) -> Column:
        """A field, compared.

        A server finds workflows first, and then their tasks, if it is told that there is such a workflow; a
        value of a task's workflow it would look up for each task.
        """
        of_workflow = "workflow_id" if name == "workflow_id" else name.removeprefix(f"{OF_WORKFLOW}.")
        if self.tasks and self.is_server and (of_workflow != name or name == "workflow_id"):
            return _in_workflow(lambda its: compare(its.c[of_workflow]))
        return compare(self.field(name))

    def has_status(self, status: WorkflowStatus) -> Column:
        """Whether the row's workflow reads so."""
        if self.tasks:  # a server finds these workflows first: see `compared`
            return _in_workflow(lambda its: _reads(status, its.c.status, self._is_alive(its)))
        return _reads(status, self.stored_status(), self._is_alive(schema.workflows))

    def read_status(self) -> Column:
        """The status of the row's workflow, as it reads."""
        gone = WorkflowStatus.RESUMABLE
        return case((self.has_status(gone), constant(gone)), else_=self.stored_status())

    def task_has_status(self, status: TaskStatus) -> Column:
        """Whether the row, a task, reads so."""
        stored = self.field("status")
        reads = stored == constant(status)
        if status in LEFT_TASK:  # only while its workflow runs
            return and_(reads, self.has_status(WorkflowStatus.RUNNING))
        gone = self.has_status(WorkflowStatus.RESUMABLE)
        running = [before for before, after in LEFT_TASK.items() if after is status]
        return or_(reads, and_(stored.in_(constants(running)), gone)) if running else reads

    def read_task_status(self) -> Column:
        """The status of the row, a task, as it reads."""
        stored, gone = self.field("status"), self.has_status(WorkflowStatus.RESUMABLE)
        left = [(and_(stored == constant(one), gone), constant(reads)) for one, reads in LEFT_TASK.items()]
        return case(*left, else_=stored)

    def stored_status(self) -> Column:
        """The status of the row's workflow, as it is stored."""
        status = schema.workflows.c.status
        return self._of_its_workflow(status) if self.tasks else self.unindexed(status)

    def unindexed(self, column: Column) -> Column:
        """The column, but so that SQLite uses no index on it."""
        return column if self.is_server else UnaryExpression(column, operator=operators.custom_op("+"))

    def _is_alive(self, workflows: FromClause) -> Column:
        """Whether the engine of a workflow is there."""
        owner = workflows.c.owner
        alive = among_bound(owner, lambda kind: filled(owners_there, kind), self.dialect)
        return or_(owner.is_(None), alive)  # one that nobody has waits for any engine to take it

    def _of_its_workflow(self, column: Column) -> Column:
        workflows = schema.workflows
        return (
            select(column)
            .where(workflows.c.key == schema.tasks.c.workflow)
            .correlate(schema.tasks)
            .scalar_subquery()
        )


def _in_workflow(holds: Callable[[FromClause], Column]) -> Column:
    """Whether something holds of a task's workflow."""
    its = schema.workflows.alias()
    return exists().where(its.c.key == schema.tasks.c.workflow, holds(its)).correlate(schema.tasks)


def _reads(status: WorkflowStatus, stored: Column, is_alive: Column) -> Column:
    """Whether a workflow reads so."""
    if status is WorkflowStatus.RESUMABLE:
        return and_(stored.in_(constants(ACTIVE)), ~is_alive)
    reads = stored == constant(status)
    return and_(reads, is_alive) if status in ACTIVE else reads


def _of_run(name: str) -> Callable[[], Column]:
    def made() -> Column:
        return _one(select(schema.runs.c[name]).where(is_newest()), schema.workflows)

    return made


def _engine() -> Column:
    workflows, owners = schema.workflows, schema.owners
    return _one(select(owners.c.engine).where(owners.c.owner_id == workflows.c.owner), workflows)


def _error_task() -> Column:
    runs, tasks = schema.runs, schema.tasks
    its = [tasks.c.workflow == runs.c.workflow, tasks.c.task == runs.c.error_task]
    return _one(select(tasks.c.task_id).where(is_newest(), *its), schema.workflows)


def _of_attempts(name: str, aggregate: Any) -> Callable[[], Column]:
    def made() -> Column:
        attempts = schema.attempts
        chosen = select(aggregate(attempts.c[name])).where(attempts.c.workflow == schema.workflows.c.key)
        return _one(chosen, schema.workflows)

    return made


_OF_WORKFLOW: Final[Mapping[str, Callable[[], Column]]] = {
    "runs": lambda: schema.workflows.c.run,
    "engine": _engine,
    "user": _of_run("login"),
    "hostname": _of_run("hostname"),
    "error.type": _of_run("error_type"),
    "error.message": _of_run("error_message"),
    "error.task_id": _error_task,
    "stats.start_time": lambda: schema.workflows.c.start_time,
    "stats.end_time": lambda: schema.workflows.c.end_time,
    "stats.duration": lambda: schema.workflows.c.end_time - schema.workflows.c.start_time,
    "stats.cpu_time": _of_attempts("cpu_time", func.sum),
    "stats.peak_rss": _of_attempts("peak_rss", func.max),
}


def _of_last(make: Callable[[Any], Column]) -> Callable[[], Column]:
    def made() -> Column:
        attempts = schema.attempts
        return _one(
            select(make(attempts.c))
            .where(attempts.c.workflow == schema.tasks.c.workflow, attempts.c.task == schema.tasks.c.task)
            .order_by(attempts.c.attempt.desc())
            .limit(1),
            schema.tasks,
        )

    return made


def _span(begin: Callable[[Any], Column], end: Callable[[Any], Column]) -> Callable[[], Column]:
    def seconds(of: Any) -> Column:
        taken = end(of) - begin(of)
        return case((taken < 0, literal(0.0)), else_=taken)  # as metadata have it: never less than nothing

    return _of_last(seconds)


def _of_function(name: str) -> Callable[[], Column]:
    def made() -> Column:
        functions, tasks = schema.functions, schema.tasks
        its = [functions.c.workflow == tasks.c.workflow, functions.c.function == tasks.c.function]
        return _one(select(functions.c[name]).where(*its), tasks)

    return made


def _of_output(name: str) -> Callable[[], Column]:
    def made() -> Column:
        values, tasks = schema.stored_values, schema.tasks
        its = [values.c.workflow == tasks.c.workflow, values.c.task == tasks.c.task]
        return _one(select(values.c[name]).where(*its, values.c.role == constant(Role.OUTPUT)), tasks)

    return made


def _attempt_count() -> Column:
    attempts, tasks = schema.attempts, schema.tasks
    its = [attempts.c.workflow == tasks.c.workflow, attempts.c.task == tasks.c.task]
    return _one(select(func.count()).select_from(attempts).where(*its), tasks)


def _known(name: str) -> Callable[[], Column]:
    return _of_last(lambda of: of[name])


_OF_TASK: Final[Mapping[str, Callable[[], Column]]] = {
    "task_id": lambda: schema.tasks.c.task_id,
    "name": lambda: schema.tasks.c.task_id,
    "status": lambda: schema.tasks.c.status,
    "function.module": _of_function("module"),
    "function.qualname": _of_function("qualname"),
    "function.source_hash": _of_function("source_hash"),
    "attempts": _attempt_count,
    "output.type": _of_output("kind"),
    "output.size": _of_output("size"),
    "error.type": _known("error_type"),
    "error.message": _known("error_message"),
    "worker.host": _known("host"),
    "worker.worker_id": _known("worker_id"),
    "stats.start_time": _known("started"),
    "stats.end_time": _known("finished"),
    "stats.wait": _span(lambda of: of.created + of.backoff, lambda of: of.ready),
    "stats.queue": _span(lambda of: of.ready, lambda of: of.started),
    "stats.load": _span(lambda of: of.started, lambda of: of.loaded),
    "stats.compute": _span(lambda of: func.coalesce(of.loaded, of.started), lambda of: of.finished),
    "stats.backoff": _of_last(lambda of: func.nullif(of.backoff, literal(0.0))),  # as metadata have it
    "stats.store": _span(lambda of: of.finished, lambda of: of.stored),
    **{
        f"stats.{name}": _known(name)
        for name in ("cpu_time", "peak_rss", "start_rss", "read_bytes", "write_bytes", "exit_code", "signal")
    },
}


def _one(statement: Any, of: FromClause) -> Column:
    return cast("Column", statement.correlate(of).scalar_subquery())
