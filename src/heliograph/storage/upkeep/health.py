"""How a storage is: its version, whether it is damaged, and who has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.liveness import is_alive
from heliograph.storage.statements.owners import OWNER_COLUMNS
from heliograph.storage.tables import schema


@dataclass(frozen=True, slots=True)
class Health:
    """What was found.

    Attributes:
        version: of the schema.
        problems: damages, in the database's own words.
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
    with database.read() as connection:
        version = connection.execute(select(schema.schema_version.c.version)).scalar_one()
        counted = connection.execute(select(workflows.c.status, func.count()).group_by(workflows.c.status))
        statuses: dict[str, int] = {row[0]: row[1] for row in counted}
        held = connection.execute(select(*OWNER_COLUMNS).where(owners.c.lease_until >= now))
        engines = sum(is_alive(rows.owner_record(row), now) for row in held)
        problems = database.problems(connection)
    return Health(version, problems, statuses, engines)
