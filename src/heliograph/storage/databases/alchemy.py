"""SQLAlchemy over connections that are there already."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy.pool import NullPool


class Alchemy:
    """Makes SQLAlchemy's connections.

    Args:
        url: of the kind of database, as SQLAlchemy names it.
        first: gives a connection of the driver's that nobody else uses; it is closed.
        options: as `sqlalchemy.create_engine` takes them.

    Attributes:
        dialect: of the database.
    """

    def __init__(self, url: str, first: Callable[[], Any], **options: Any) -> None:
        self._first = first
        self._next: Any = None
        self._giving = threading.Lock()
        self._engine = sqlalchemy.create_engine(
            url,
            creator=lambda: self._next,
            poolclass=NullPool,
            pool_reset_on_return=None,  # statements outside of a transaction leave nothing to roll back
            **options,
        )
        self.dialect = self._engine.dialect

    def over(self, raw: Any) -> sqlalchemy.Connection:
        """One that uses this one of the driver's, and closes it when it is closed."""
        with self._giving:
            if self._next is None:
                # What it wants to know of the database it asks its first connection, and rolls that back: so
                # it must not be one in the middle of a transaction.
                self._next = self._first()
                self._engine.connect().close()
            self._next = raw
            return self._engine.connect()
