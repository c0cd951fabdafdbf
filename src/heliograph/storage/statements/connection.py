"""A connection to the database, as all rooms of the store have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy


class Connection:
    """The driver's own, on which prepared statements run; and for others SQLAlchemy's, on the same one.

    That one is made when it is first asked for, since most programs never do.

    Args:
        raw: the driver's.
        wrap: makes SQLAlchemy's.

    Attributes:
        raw: the driver's.
    """

    __slots__ = ("_alchemy", "_wrap", "raw")

    def __init__(self, raw: Any, wrap: Callable[[], sqlalchemy.Connection]) -> None:
        self.raw = raw
        self._wrap = wrap
        self._alchemy: sqlalchemy.Connection | None = None

    @property
    def alchemy(self) -> sqlalchemy.Connection:
        """SQLAlchemy's."""
        if self._alchemy is None:
            self._alchemy = self._wrap()
        return self._alchemy

    @property
    def dialect(self) -> sqlalchemy.Dialect:
        """The database's, as SQLAlchemy has it."""
        return self.alchemy.dialect

    def execute(self, statement: Any, parameters: Any = None, **options: Any) -> Any:
        """Run a statement of SQLAlchemy's."""
        return self.alchemy.execute(statement, parameters, **options)

    def close(self) -> None:
        """Close it, and not only its use."""
        if self._alchemy is not None:
            self._alchemy.invalidate()  # else closing it would want to tell a server that may be gone
            self._alchemy.close()
        self.raw.close()
