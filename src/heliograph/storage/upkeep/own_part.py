"""Which part of a folder for values is one storage's own.

Databases number their workflows from 1 each. Where a user names a folder, another storage may have been told
the same one: so each has a part of it that nobody else has, and its database says which.
"""

from __future__ import annotations

import uuid

from heliograph.storage.databases.database import Database
from heliograph.storage.location import Location
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements


def new_part(location: Location) -> str | None:
    """A part for a new storage; None: its folder is its own."""
    return uuid.uuid4().hex[:12] if location.is_values_named else None


def move(connection: Connection, location: Location) -> str:
    """Give a saved database a part of its own at its new place; the URL of its values there."""
    part = new_part(location)
    statements(connection.dialect.name, "storages").move.tell(connection, {"values_part": part})
    return _url(location, part)


def values_url(database: Database) -> str:
    """Where the values of a storage are: a folder, or a part of the one that was named."""
    location = database.location
    if not location.is_values_named:
        return location.values
    with database.read() as connection:
        part = statements(database.kind, "storages").part.ask(connection).scalar_one()
    return _url(location, part)


def _url(location: Location, part: str | None) -> str:
    return location.values if part is None else f"{location.values.rstrip('/')}/{part}"
