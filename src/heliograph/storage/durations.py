"""How long tasks of given functions took in other workflows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, literal_column, select

from heliograph.records.status import AttemptStatus
from heliograph.storage import schema
from heliograph.storage.database import Database
from heliograph.storage.statements import Prepared, constant

LOOKED_AT: Final = 1_000
"""How many workflows, the newest, are looked at for tasks of the functions."""

_USED: Final = 50  # of those that have some
_EACH: Final = 1_000  # attempts of each


class Durations:
    """Reads of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        workflows, functions = schema.workflows, schema.functions
        tasks, attempts = schema.tasks, schema.attempts
        newest: BindParameter[float] = bindparam("of_time")
        recent = (
            select(workflows.c.key, workflows.c.created_time)
            .where(workflows.c.created_time <= newest, workflows.c.key != bindparam("of_workflow"))
            .order_by(workflows.c.created_time.desc())
            .limit(literal_column(str(LOOKED_AT)))
            .offset(literal_column("0"))
            .subquery()
        )
        self._functions = self._prepared(
            select(functions.c.workflow, functions.c.function, functions.c.module, functions.c.qualname)
            .select_from(recent.join(functions, functions.c.workflow == recent.c.key))
            .order_by(recent.c.created_time.desc())
        )
        self._took = self._prepared(
            select(tasks.c.function, attempts.c.started, attempts.c.stored)
            .select_from(
                attempts.join(
                    tasks, (tasks.c.workflow == attempts.c.workflow) & (tasks.c.task == attempts.c.task)
                )
            )
            .where(
                attempts.c.workflow == bindparam("of_workflow"),
                attempts.c.status == constant(AttemptStatus.SUCCESSFUL),
            )
            .limit(literal_column(str(_EACH)))
            .offset(literal_column("0"))
        )

    def of(self, key: int, functions: Collection[str], now: float) -> dict[str, list[float]]:
        """Seconds from a worker having an attempt to its being stored, by dotted name of the function.

        Args:
            key: the workflow that is not to be looked at.
            functions: dotted names.
            now: workflows up to this time, in Unix seconds.
        """
        found: dict[str, list[float]] = defaultdict(list)
        wanted: dict[int, dict[int, str]] = defaultdict(dict)
        with self._database.snapshot() as connection:
            for row in self._functions.ask(connection, of_workflow=key, of_time=now):
                name = f"{row.module}.{row.qualname}"
                if name in functions and (row.workflow in wanted or len(wanted) < _USED):
                    wanted[row.workflow][row.function] = name
            for workflow, names in wanted.items():
                for row in self._took.ask(connection, of_workflow=workflow):
                    if row.function in names and row.started is not None:
                        found[names[row.function]].append(max(row.stored - row.started, 0.0))
        return dict(found)

    def _prepared(self, statement: Any) -> Prepared:
        return Prepared(statement, self._database.dialect)
