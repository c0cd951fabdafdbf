"""The version a store has, and the steps that bring an older one to this one."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select

from heliograph.errors import StorageCorruptError, StorageVersionError
from heliograph.storage import schema, views
from heliograph.storage.database import Database


def prepare(database: Database) -> None:
    """Make the tables in a new store; check the version of one that is there.

    Raises:
        StorageVersionError: it comes from a newer heliograph.
        StorageCorruptError: the database is something else's.
    """
    with database.read() as connection:
        version = _version(connection)
    if version is None:
        with database.write() as connection:
            version = _version(connection)  # another process may have been first
            if version is None:
                _create(connection, database)
                return
    if version > schema.VERSION:
        raise StorageVersionError(
            f"storage {database.location.url} has version {version} and this heliograph knows versions up to "
            f"{schema.VERSION}: upgrade heliograph, or name another storage"
        )


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema.schema_version.name):
        return None
    return connection.execute(select(schema.schema_version.c.version)).scalar_one_or_none()


def _create(connection: Connection, database: Database) -> None:
    there = set(inspect(connection).get_table_names()).intersection(schema.metadata.tables)
    if there:
        raise StorageCorruptError(
            f"storage {database.location.url} holds tables that are not heliograph's "
            f"({', '.join(sorted(there))}): name another storage"
        )
    schema.metadata.create_all(connection)
    views.create(connection)
    connection.execute(insert(schema.schema_version).values(version=schema.VERSION))
