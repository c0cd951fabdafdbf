"""A storage, or what it was at one moment, into another one that is empty: rows and values, each compared."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, delete, func, insert, select, text, update

from heliograph.errors import StorageCorruptError, StorageError
from heliograph.storage.databases.database import Database
from heliograph.storage.journal import counts
from heliograph.storage.location import Location, shown
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables import schema
from heliograph.storage.tables.soundness import UnsoundError
from heliograph.storage.upkeep import own_part
from heliograph.storage.upkeep.looking import TABLES, Told, looked_at, rows_of
from heliograph.storage.upkeep.saving import save
from heliograph.storage.values.value_store import ValueStore

_AT_ONCE: Final = 1_000
_COUNTED_UP: Final = ((schema.workflows, "key"), (schema.http_events, "event"))


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied.

    Attributes:
        rows: how many, by table.
        values: how many files of values.
        values_bytes: their size.
        damaged: values that could not be read, and rows that can't be understood: what is wrong with each.
            The values, and the workflows of the rows, are not in the copy.
    """

    rows: Mapping[str, int]
    values: int
    values_bytes: int
    damaged: tuple[str, ...]


def copy(source: tuple[Database, ValueStore], target: tuple[Database, ValueStore], told: Told) -> Copied:
    """Copy all of a storage, as it is at this moment, whoever writes to it meanwhile.

    Engines of the copy are none: a workflow that ran when it was made reads RESUMABLE in it. Nothing of the
    database is there before all of it is there and was compared.

    Raises:
        StorageError: the target is not empty, or what was written to it does not read the same.
    """
    (database, values), (other, other_values) = source, target
    _check_apart(values, other_values)
    damaged: list[UnsoundError] = []
    with database.careful() as here, other.write() as there:
        other.lock_schema(there)
        for connection in (here, there):
            _wait_for_values(connection)
        _check_empty(there, other)
        for table in TABLES:
            _copy_table(table, here, there, told, damaged)
        _leave_out(there, {error.key for error in damaged if error.key is not None})
        taken = _copy_values(there, database, values, other_values, told)  # of what is not left out
        _leave_out(there, taken.deleted)
        rows = {table.name: _count(there, table) for table in TABLES}
        counts.recount(there)
        _count_on(there)
    return Copied(rows, taken.files, taken.size, (*taken.damaged, *_said(database, damaged)))


def save_storage(database: Database, values: ValueStore, target: Location, told: Told) -> Copied:
    """Save a storage in a file to another file where there is none, with its values.

    Its name it gets at last: what has it is whole.

    Raises:
        StorageError: there is something already, or it can't be written.
    """
    path, place = database.location.path, target.path
    assert path is not None
    assert place is not None
    if place.exists():
        raise StorageError(f"there is a storage at {place} already: save to a new place")
    unfinished = place.with_name(f"{place.name}.unfinished")
    save(path, unfinished, lambda done, total: told("database", done, total))
    saved = Database(Location(f"sqlite:///{unfinished}", target.values, unfinished))
    try:
        with saved.write() as connection, saved.any_text(connection):
            _give_up_leases(connection)
            there = ValueStore(own_part.move(connection, target))
            _check_apart(values, there)
            taken = _copy_values(connection, database, values, there, told)
            _leave_out(connection, taken.deleted)
            counts.recount(connection)
            rows = {table.name: _count(connection, table) for table in TABLES}
            problems = saved.problems(connection)
    finally:
        saved.close()
    if problems:
        raise StorageError(
            f"the copy of {path} is damaged, as the original may be: {'; '.join(problems)}. "
            "`heliograph storage copy` takes along what is sound"
        )
    os.replace(unfinished, place)
    return Copied(rows, taken.files, taken.size, taken.damaged)


def _count(connection: Connection, table: Table) -> int:
    count: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return count


def _wait_for_values(connection: Connection) -> None:
    """A server must not take a transaction for dead that waits for gigabytes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def _check_apart(values: ValueStore, others: ValueStore) -> None:
    """Storages that were told the same folder have parts of it; those of older versions have none."""
    if values.url == others.url:
        raise StorageError(
            f"the copy would have its values in the same folder, {shown(values.url)}: "
            "name another one with ?values="
        )


def _check_empty(connection: Connection, database: Database) -> None:
    """See that nothing is stored yet.

    Raises:
        StorageError: there is.
    """
    count = _count(connection, schema.workflows)
    if count:
        raise StorageError(
            f"storage {database.location.shown} holds {count} workflows already: copy into an empty one"
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What was copied of the values.

    Attributes:
        files: how many.
        size: of the values in them, bytes.
        damaged: as in `Copied`.
        deleted: workflows that were deleted meanwhile, with a value that was still to be copied.
    """

    files: int
    size: int
    damaged: tuple[str, ...]
    deleted: frozenset[int]


def _copy_values(
    rows: Connection, database: Database, values: ValueStore, other_values: ValueStore, told: Told
) -> Taken:
    """Copy all values that rows name.

    Args:
        rows: where the rows are.
        database: where they were read: tells what was deleted since.
        values: where from.
        other_values: where to.
        told: how far it is.
    """
    stored = schema.stored_values
    named = select(stored.c.workflow, stored.c.location, stored.c.sha256, stored.c.size)
    found = looked_at(named.where(stored.c.location.is_not(None)), rows, [])  # who copies rows names others
    files = list({row.location: row for row in found}.values())
    damaged: list[str] = []
    deleted: set[int] = set()
    copied = []
    for number, row in enumerate(files):
        told("values", number, len(files))
        try:
            values.copy_to(other_values, row.location, row.sha256)
        except StorageCorruptError as error:
            if _is_there(database, row.workflow):
                damaged.append(str(error))
            else:
                deleted.add(row.workflow)
        else:
            copied.append(row)
    for row in copied:
        if row.workflow in deleted:
            other_values.delete(row.location)
    told("values", len(files), len(files))
    sizes = [row.size for row in copied if row.workflow not in deleted]
    return Taken(len(sizes), sum(sizes), tuple(damaged), frozenset(deleted))


def _leave_out(connection: Connection, keys: Iterable[int]) -> None:
    """Remove workflows from a copy."""
    for key in keys:
        connection.execute(delete(schema.workflows).where(schema.workflows.c.key == key))
        for table in schema.OF_WORKFLOW:
            connection.execute(delete(table).where(table.c.workflow == key))


def _give_up_leases(connection: Connection) -> None:
    """In a copy no engine has anything."""
    connection.execute(update(schema.owners).values(lease_until=0.0))


def _is_there(database: Database, key: int) -> bool:
    there = select(schema.workflows.c.key).where(schema.workflows.c.key == key)
    with database.read() as connection:
        return connection.execute(there).first() is not None


def _said(database: Database, damaged: Iterable[UnsoundError]) -> Iterator[str]:
    return (str(database.damage(error)) for error in damaged)


def _copy_table(
    table: Table, here: Connection, there: Connection, told: Told, damaged: list[UnsoundError]
) -> None:
    total, copied, sent = _count(here, table), 0, hashlib.sha256()
    for rows in _rows(table, here, damaged):
        if table is schema.owners:
            rows = [row | {"lease_until": 0.0} for row in rows]
        there.execute(insert(table), rows)
        copied += len(rows)
        _digest(sent, rows)
        told(table.name, copied, total)
    received = hashlib.sha256()
    arrived = 0
    for rows in _rows(table, there, []):
        arrived += len(rows)
        _digest(received, rows)
    if arrived != copied or received.digest() != sent.digest():
        raise StorageError(
            f"table {table.name} does not read in the copy as it does in the source ({copied} rows, "
            f"{arrived} arrived): nothing was copied"
        )


def _rows(
    table: Table, connection: Connection, damaged: list[UnsoundError]
) -> Iterator[list[dict[str, Any]]]:
    """All sound rows in the order of their keys, some at a time; what is wrong with others goes to a list."""
    sound = rows_of(table, connection, damaged)
    while some := list(itertools.islice(sound, _AT_ONCE)):
        yield [dict(row._mapping) for row in some]


def _digest(digest: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to a hash, in words that both databases have for the same."""
    for row in rows:
        digest.update(repr([_plain(value) for value in row.values()]).encode("utf-8", "surrogatepass"))


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def _count_on(connection: Connection) -> None:
    """Numbers that the database gives out go on behind those that came along."""
    if connection.dialect.name != "postgresql":
        return  # SQLite sees for itself
    for table, column in _COUNTED_UP:
        highest = connection.execute(select(func.max(table.c[column]))).scalar_one()
        if highest is not None:
            sequence = text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)")
            connection.execute(sequence, {"table": table.name, "column": column, "highest": highest})
