"""How a storage is: its version, whether it is damaged, and who has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from heliograph.records.status import WorkflowStatus
from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.liveness import is_alive
from heliograph.storage.statements.owners import OWNER_COLUMNS, is_newest
from heliograph.storage.tables import schema
from heliograph.storage.tables.soundness import gone
from heliograph.storage.upkeep.looking import damaged_rows, looked_at


@dataclass(frozen=True, slots=True)
class Health:
    """What was found.

    Attributes:
        version: of the schema.
        problems: damages, in the database's own words; and damaged rows of workflows, runs and engines.
        statuses: how many workflows are stored with each status.
        engines: how many engines are there that hold a lease.
    """

    version: int
    problems: tuple[str, ...]
    statuses: Mapping[str, int]
    engines: int


def examine(database: Database, now: float) -> Health:
    """Look at all of it; of a large database that takes seconds.

    Raises:
        StorageError: it can't be read.
    """
    workflows, owners = schema.workflows, schema.owners
    _, damaged = damaged_rows(database, (owners, workflows, schema.runs))
    with database.careful() as connection:
        version = connection.execute(select(schema.schema_version.c.version)).scalar_one()
        counted = connection.execute(select(workflows.c.status, func.count()).group_by(workflows.c.status))
        statuses: dict[str, int] = {row[0]: row[1] for row in counted if row[0] in set(WorkflowStatus)}
        held = looked_at(select(*OWNER_COLUMNS).where(owners.c.lease_until >= now), connection, [])
        engines = sum(is_alive(rows.owner_record(row), now) for row in held)
        damaged += [database.damage(gone("runs", *row)) for row in looked_at(_without_run(), connection, [])]
        problems = database.problems(connection)
    return Health(version, (*problems, *map(str, damaged)), statuses, engines)


def _without_run() -> Select[Any]:
    """Workflows whose newest run is not there; questions about workflows do without it."""
    workflows, runs = schema.workflows, schema.runs
    joined = workflows.outerjoin(runs, is_newest())
    return select(workflows.c.key, workflows.c.workflow_id).select_from(joined).where(runs.c.run.is_(None))
