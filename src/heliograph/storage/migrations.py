"""The version a store has, and the steps that bring an older one to this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text, update

from heliograph.errors import StorageCorruptError, StorageError, StorageVersionError
from heliograph.records.workflow import Owner
from heliograph.storage import counts, own_part, schema, views
from heliograph.storage.database import Database
from heliograph.storage.labels import EMPTY, Labels
from heliograph.storage.liveness import is_alive
from heliograph.storage.saving import save


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done to a store.

    Attributes:
        version: that it had; None: it was new.
        kept: a copy of its file as it was; None: it was not changed, or is not a file.
    """

    version: int | None
    kept: Path | None


def prepare(database: Database) -> None:
    """Make the tables in a new store; bring those of an older version in a file to this one.

    A copy of the file as it was is kept beside it.

    Raises:
        StorageVersionError: it comes from a newer heliograph; or from an older one and is on a server, where
            nobody but its keeper knows who else uses it.
        StorageError: an engine of the older version has it.
        StorageCorruptError: the database is something else's.
    """
    with database.read() as connection:
        version = _version(connection)
    if version == schema.VERSION:
        return
    _check_not_newer(database, version)
    if version is not None and database.location.path is None:
        raise StorageVersionError(
            f"storage {database.location.shown} has version {version}, and this heliograph needs "
            f"{schema.VERSION}: end what uses it, make a backup, and run `heliograph storage upgrade`"
        )
    upgrade(database)


def upgrade(database: Database) -> Upgraded:
    """Bring a store to this version; one that has it already is left as it is.

    Raises:
        StorageVersionError: it comes from a newer heliograph.
        StorageError: an engine of the older version has it, or the copy can't be kept.
        StorageCorruptError: the database is something else's.
    """
    with database.write() as connection:
        database.lock_schema(connection)
        version = _version(connection)  # another process may have been first
        if version is None:
            _create(connection, database)
            return Upgraded(None, None)
        _check_not_newer(database, version)
        if version == schema.VERSION:
            return Upgraded(version, None)
        _check_unused(connection, database)
        kept = _keep(database, version)
        for older in range(version, schema.VERSION):
            _STEPS[older](connection)
        connection.execute(update(schema.schema_version).values(version=schema.VERSION))
    return Upgraded(version, kept)


def _check_not_newer(database: Database, version: int | None) -> None:
    if version is not None and version > schema.VERSION:
        raise StorageVersionError(
            f"storage {database.location.shown} has version {version} and this heliograph knows versions "
            f"up to {schema.VERSION}: upgrade heliograph, or name another storage"
        )


def _check_unused(connection: Connection, database: Database) -> None:
    """Tables must not change below an engine that knows others."""
    columns = ("owner_id", "host", "machine", "pid", "process_start", "engine", "lease_until")
    rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM owners")).mappings()
    alive = [owner for owner in (Owner(**row) for row in rows) if is_alive(owner, time.time())]
    if alive:
        who = ", ".join(sorted({f"process {owner.pid} on {owner.host}" for owner in alive}))
        raise StorageError(
            f"storage {database.location.shown} is of an older version and in use by {who}: "
            "end that, and it is upgraded"
        )


def _keep(database: Database, version: int) -> Path | None:
    """Save a file as it was; a server's database is its keeper's to save."""
    path = database.location.path
    if path is None:
        return None
    kept = path.with_name(f"{path.name}.version-{version}")
    if not kept.exists():  # else an upgrade was cut short: what it kept is the same
        save(path, kept)
    return kept


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema.schema_version.name):
        return None
    return connection.execute(select(schema.schema_version.c.version)).scalar_one_or_none()


def _create(connection: Connection, database: Database) -> None:
    there = set(inspect(connection).get_table_names()).intersection(schema.metadata.tables)
    if there:
        raise StorageCorruptError(
            f"storage {database.location.shown} holds tables that are not heliograph's "
            f"({', '.join(sorted(there))}): name another storage"
        )
    schema.metadata.create_all(connection)
    views.create(connection)
    part = own_part.new_part(database.location)
    connection.execute(insert(schema.schema_version).values(version=schema.VERSION, values_part=part))


def _from_1(connection: Connection) -> None:
    """Tables for what tasks say, for changes, and for searching user metadata: which are laid out for it."""
    connection.execute(text("ALTER TABLE owners ADD COLUMN code TEXT NOT NULL DEFAULT '{}'"))
    connection.execute(text("ALTER TABLE attempts ADD COLUMN ray TEXT"))
    known = set(inspect(connection).get_table_names())
    for name in ("workflow_labels", "task_labels", "reports", "said", "changes"):
        if name not in known:
            schema.metadata.tables[name].create(connection)
    connection.execute(text("DROP INDEX IF EXISTS workflows_by_status"))
    for table in (schema.workflows, schema.functions, schema.tasks):
        there = {index["name"] for index in inspect(connection).get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in there:
                index.create(connection)
    labels, workflows, tasks = Labels(connection.dialect), schema.workflows, schema.tasks
    labelled = select(workflows.c.key, workflows.c.user_metadata).where(workflows.c.user_metadata != EMPTY)
    for row in connection.execute(labelled).all():
        labels.add(connection, row.key, row.user_metadata)
    of_tasks = select(tasks.c.workflow, tasks.c.task, tasks.c.user_metadata)
    for key, task, user_metadata in connection.execute(of_tasks.where(tasks.c.user_metadata != EMPTY)).all():
        labels.add_of_tasks(connection, key, [(task, user_metadata)])


def _from_2(connection: Connection) -> None:
    """Options that most tasks have are left out from here on, which views have to know; these tell more."""
    for name in views.VIEWS:
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
    views.create(connection)


def _from_3(connection: Connection) -> None:
    """How many workflows there are of each status is kept from here on; values stay where they are."""
    part = schema.schema_version.c.values_part
    known = inspect(connection).get_columns(schema.schema_version.name)
    if part.name not in {column["name"] for column in known}:
        kind = part.type.compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE heliograph_schema ADD COLUMN {part.name} {kind}"))
    if not inspect(connection).has_table(schema.workflow_counts.name):
        schema.workflow_counts.create(connection)
    counts.recount(connection)


_STEPS: Final[dict[int, Callable[[Connection], None]]] = {1: _from_1, 2: _from_2, 3: _from_3}
"""From each version to the next."""
