"""Workflows counted by when they were submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Select, case, cast, func, literal, literal_column, select

from heliograph.records.status import WorkflowStatus
from heliograph.storage.searching.columns import Columns
from heliograph.storage.searching.conditions import Clauses
from heliograph.storage.searching.drivers import along_best
from heliograph.storage.searching.prepared import Parameters, PreparedQuery
from heliograph.storage.searching.shapes import AllOf
from heliograph.storage.statements.composing import constant
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.statement import Answer
from heliograph.storage.tables import schema

_NARROWEST: Final = 1.0
"""Seconds of a part, at least."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the time, from `begin` to `end` in Unix seconds.

    Attributes:
        begin: from when.
        end: up to there, not including it.
        count: workflows that were submitted in it.
        failed: how many of those are FAILED.
    """

    begin: float
    end: float
    count: int
    failed: int


def over_time(
    connection: Connection, columns: Columns, shape: AllOf, given: Parameters, parts: int
) -> list[Part]:
    """Parts of equal length, from the first workflow to the last.

    Args:
        connection: on a snapshot.
        columns: of workflows.
        shape: of what has to hold.
        given: its values.
        parts: how many; fewer where they would be shorter than a second.
    """
    workflows, holds = schema.workflows, Clauses(columns)
    clauses = [holds.of(part) for part in shape.parts] + along_best(connection, columns, shape, given)

    def ask(statement: Select[Any]) -> Answer:
        return PreparedQuery(statement, columns.dialect).ask(connection, given)

    # Two statements: along the index of times, the first and the last are found without the others.
    ends = [
        ask(
            select(workflows.c.created_time).where(*clauses).order_by(order).limit(literal_column("1"))
        ).scalar_one_or_none()
        for order in (workflows.c.created_time, workflows.c.created_time.desc())
    ]
    if ends[0] is None or ends[1] is None:
        return []
    begin, width = ends[0], max((ends[1] - ends[0]) / parts, _NARROWEST)
    last = int((ends[1] - begin) / width)
    along = (workflows.c.created_time - literal(begin)) / literal(width)
    # Not all builds of SQLite have floor(), and to it an integer is what is before the point anyway.
    number = cast(func.floor(along) if columns.is_server else along, BigInteger)
    rows = select(
        number.label("part"),
        case((workflows.c.status == constant(WorkflowStatus.FAILED), 1), else_=0).label("failed"),
    ).where(*clauses)
    table = rows.subquery()
    found = ask(select(table.c.part, func.count(), func.sum(table.c.failed)).group_by(table.c.part)).rows()
    counts, failed = [0] * (last + 1), [0] * (last + 1)
    for part, count, bad in found:  # the last workflow ends the last part, and does not begin another
        counts[min(part, last)] += count
        failed[min(part, last)] += bad
    whole = min(last + 1, parts)
    if whole <= last:
        counts[whole - 1] += sum(counts[whole:])
        failed[whole - 1] += sum(failed[whole:])
    return [Part(begin + width * at, begin + width * (at + 1), counts[at], failed[at]) for at in range(whole)]
