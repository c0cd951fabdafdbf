"""The version a store has, and the steps that bring an older one to this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text, update

from heliograph.errors import StorageCorruptError, StorageVersionError
from heliograph.storage import schema, views
from heliograph.storage.database import Database
from heliograph.storage.labels import EMPTY, Labels


def prepare(database: Database) -> None:
    """Make the tables in a new store; bring those of an older version to this one.

    Raises:
        StorageVersionError: it comes from a newer heliograph.
        StorageCorruptError: the database is something else's.
    """
    with database.read() as connection:
        version = _version(connection)
    if version == schema.VERSION:
        return
    if version is not None and version > schema.VERSION:
        raise StorageVersionError(
            f"storage {database.location.shown} has version {version} and this heliograph knows versions "
            f"up to {schema.VERSION}: upgrade heliograph, or name another storage"
        )
    with database.write() as connection:
        database.lock_schema(connection)
        version = _version(connection)  # another process may have been first
        if version is None:
            _create(connection, database)
            return
        for older in range(version, schema.VERSION):
            _STEPS[older](connection)
        connection.execute(update(schema.schema_version).values(version=schema.VERSION))


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
    connection.execute(insert(schema.schema_version).values(version=schema.VERSION))


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


_STEPS: Final[dict[int, Callable[[Connection], None]]] = {1: _from_1, 2: _from_2}
"""From each version to the next."""
