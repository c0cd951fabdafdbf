"""How long tasks of given functions took in other workflows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Final

from heliograph.storage.databases.database import Database
from heliograph.storage.statements.rendered import statements

LOOKED_AT: Final = 1_000
"""How many workflows, the newest, are looked at for tasks of the functions."""

_USED: Final = 50  # of those that have some
EACH: Final = 1_000  # attempts of each


def durations(database: Database, key: int, functions: Collection[str], now: float) -> dict[str, list[float]]:
    """Seconds from a worker having an attempt to its being stored, by dotted name of the function.

    Args:
        database: where they are stored.
        key: the workflow that is not to be looked at.
        functions: dotted names.
        now: workflows up to this time, in Unix seconds.
    """
    read = statements(database.kind, "durations")
    found: dict[str, list[float]] = defaultdict(list)
    wanted: dict[int, dict[int, str]] = defaultdict(dict)
    with database.snapshot() as connection:
        for row in read.functions.ask(connection, of_workflow=key, of_time=now):
            name = f"{row.module}.{row.qualname}"
            if name in functions and (row.workflow in wanted or len(wanted) < _USED):
                wanted[row.workflow][row.function] = name
        for workflow, names in wanted.items():
            for row in read.took.ask(connection, of_workflow=workflow):
                if row.function in names and row.started is not None:
                    found[names[row.function]].append(max(row.stored - row.started, 0.0))
    return dict(found)
