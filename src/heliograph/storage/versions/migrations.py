"""The version a store has; a new one is made, and an older one brought to this version."""

from __future__ import annotations

import time
from pathlib import Path

from heliograph.errors import StorageCorruptError, StorageError, StorageVersionError
from heliograph.graph.frozen import record
from heliograph.records.workflow import Owner
from heliograph.storage.databases.database import Database
from heliograph.storage.liveness import is_alive
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import creation, statements, tables
from heliograph.storage.tables.layout import VERSION
from heliograph.storage.upkeep import own_part
from heliograph.storage.upkeep.saving import save


@record
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
        version = _version(connection, database)
    if version == VERSION:
        return
    _check_known(database, version)
    if version is not None and database.location.path is None:
        raise StorageVersionError(
            f"storage {database.location.shown} has version {version}, and this heliograph needs "
            f"{VERSION}: end what uses it, make a backup, and run `heliograph storage upgrade`"
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
        version = _version(connection, database)  # another process may have been first
        if version is None:
            _create(connection, database)
            return Upgraded(None, None)
        _check_known(database, version)
        if version == VERSION:
            return Upgraded(version, None)
        _check_unused(connection, database)
        kept = _keep(database, version)
        # Late: most stores are new, or of this version.
        from heliograph.storage.versions.upgrading import bring

        bring(connection, version)
        statements(database.kind, "storages").upgrade.tell(connection, {"version": VERSION})
    return Upgraded(version, kept)


def _check_known(database: Database, version: int | None) -> None:
    if version is not None and version < 1:
        raise StorageCorruptError(
            f"storage {database.location.shown} says that it has version {version}, which there never was: "
            "put a backup in its place"
        )
    if version is not None and version > VERSION:
        raise StorageVersionError(
            f"storage {database.location.shown} has version {version} and this heliograph knows versions "
            f"up to {VERSION}: upgrade heliograph, or name another storage"
        )


def _check_unused(connection: Connection, database: Database) -> None:
    """Tables must not change below an engine that knows others."""
    columns = ("owner_id", "host", "machine", "pid", "process_start", "engine", "lease_until")
    rows = connection.raw.execute(f"SELECT {', '.join(columns)} FROM owners").fetchall()
    alive = [owner for owner in (Owner(*row) for row in rows) if is_alive(owner, time.time())]
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


def _version(connection: Connection, database: Database) -> int | None:
    if "heliograph_schema" not in database.tables(connection):
        return None
    version: int | None = statements(database.kind, "storages").version.ask(connection).scalar_one_or_none()
    return version


def _create(connection: Connection, database: Database) -> None:
    there = database.tables(connection).intersection(tables(database.kind))
    if there:
        raise StorageCorruptError(
            f"storage {database.location.shown} holds tables that are not heliograph's "
            f"({', '.join(sorted(there))}): name another storage"
        )
    for text in creation(database.kind):
        connection.raw.execute(text)
    part = own_part.new_part(database.location)
    statements(database.kind, "storages").create.put(connection, [(VERSION, part)])
