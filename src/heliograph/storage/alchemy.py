"""SQLAlchemy over connections to SQLite that are there already."""

from __future__ import annotations

import sqlite3
import threading

import sqlalchemy
from sqlalchemy.pool import NullPool


class Alchemy:
    """Makes SQLAlchemy's connections.

    Attributes:
        dialect: SQLite's.
    """

    def __init__(self) -> None:
        self._next = sqlite3.connect(":memory:")
        self._giving = threading.Lock()
        self._engine = sqlalchemy.create_engine(
            "sqlite://",
            creator=lambda: self._next,
            poolclass=NullPool,
            pool_reset_on_return=None,  # statements outside of a transaction leave nothing to roll back
        )
        self.dialect = self._engine.dialect
        # What it wants to know of the database it asks its first connection, and rolls that back: so it
        # must not be one in the middle of a transaction.
        self._engine.connect().close()

    def over(self, raw: sqlite3.Connection) -> sqlalchemy.Connection:
        """One that uses this one of the driver's, and closes it when it is closed."""
        with self._giving:
            self._next = raw
            return self._engine.connect()
