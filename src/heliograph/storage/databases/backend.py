"""What each database does in its own way, as the rest of the storage sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from heliograph.errors import StorageError
from heliograph.storage.databases.news import Notice, Notifier
from heliograph.storage.statements.connection import Connection

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UndoneError(StorageError):
    """The database undid the transaction for another one's sake; the same again may well succeed."""


class NotAsHopedError(StorageError):
    """A transaction that hoped for what it did not ask was undone: what it expected was not there."""


class Backend(Protocol):
    """One database of one kind.

    Attributes:
        kind: ``sqlite`` or ``postgresql``.
        driver_error: what its driver raises.
        is_remote: it is a server, which may go away in the middle of anything, and come back.
    """

    kind: str
    driver_error: type[Exception]
    is_remote: bool

    def open(self) -> None:
        """Open it."""

    def close(self) -> None:
        """Close all connections that are not in use."""

    def connect(self) -> Connection:
        """A connection; each statement commits by itself, unless a transaction was begun by name."""

    def release(self, connection: Connection) -> None:
        """It is not needed now."""

    def abandon(self, connection: Connection) -> None:
        """Give one back from which something could not be read."""

    def let_go(self, seconds: float) -> None:
        """As `Openable.let_go`, of connections that are not in use, and of others as soon as they are not.

        Args:
            seconds: so long those are waited for.
        """

    def go_on(self) -> None:
        """As `Openable.go_on`."""

    @property
    def dialect(self) -> Dialect:
        """For SQLAlchemy, to compile statements by."""

    def tables(self, connection: Connection) -> set[str]:
        """The names of all tables that are there, whoever made them."""

    def is_good(self, connection: Connection) -> bool:
        """Whether a connection that was kept can still be used."""

    def now(self) -> float:
        """Unix seconds by the clock that all who use the database share."""

    def notifier(self, receive: Callable[[Notice], None]) -> Notifier | None:
        """What processes wake each other by; None: they can't."""

    def check(self) -> None:
        """See that the database is still the one that was opened.

        Raises:
            StorageError: it is not.
        """

    def check_now_and_then(self) -> None:
        """As `check`, for those who only read: a look from a moment ago will do."""

    def begin(self, connection: Connection, hopes: bool) -> Connection:
        """Begin a transaction that writes; what is wrong with a statement may be raised by a later one.

        Args:
            connection: to begin it on.
            hopes: that what is expected of its statements comes true; if it can, it goes as one statement.

        Returns:
            What the transaction is to be written to, committed or undone by.
        """

    def begin_snapshot(self, connection: Connection) -> None:
        """Begin a transaction that only reads, all of it from one moment."""

    def together(self, connection: Connection, last: bool) -> AbstractContextManager[None]:
        """As `Database.together`."""

    def take_any_text(self, connection: Connection, wanted: bool) -> None:
        """Whether damaged text comes as bytes from now on, and is no error."""

    def keep_plans(self, connection: Connection, wanted: bool) -> None:
        """Whether the plans of statements may be kept from now on, in a snapshot, and used again.

        For statements of which one plan is good for any values.
        """

    def end_snapshot(self, connection: Connection) -> None:
        """End it; nothing was written."""

    def commit(self, connection: Connection) -> None:
        """Make what was written last."""

    def undo(self, connection: Connection) -> None:
        """Roll back, where the failure has not done so already; it never fails itself."""

    def new_key(self, connection: Connection) -> int:
        """A key for the workflow that is stored next; on one machine another process may get it."""

    def drop_keys(self) -> None:
        """A workflow may get a key by itself now: what is stored after it is to have a newer one."""

    def apart(self, connection: Connection) -> None:
        """What follows in the transaction is of other rows than all that came before."""

    def lock(
        self, connection: Connection, keys: Collection[int], ids: Collection[str], new: Collection[str]
    ) -> None:
        """Until the transaction ends, let nobody else write of workflows with these keys or ids.

        Of those with `new` ids, which the transaction will store, only others who store several are kept out.
        """

    def lock_queue(self, connection: Connection) -> None:
        """Until the transaction ends, let nobody else count what runs or waits; before any other lock."""

    def lock_schema(self, connection: Connection) -> None:
        """Until the transaction ends, let nobody else make or change tables."""

    def changes(self, connection: Connection) -> int:
        """A number that differs after another connection committed something; cheap to ask."""

    def make_room(self) -> None:
        """Make ready for many commits."""

    def problems(self, connection: Connection) -> tuple[str, ...]:
        """Damages, as far as the database can tell, in its own words."""

    def explained(self, connection: Connection, sql: str, values: Any) -> list[str]:
        """How it goes about a query with these values: a line a step."""

    def ask(self, query: str, limit: int | None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns, and rows, of a user's own query, which can change nothing.

        Raises:
            ValueError: the query is wrong, or would change something.
        """

    def translated(self, error: BaseException | None) -> StorageError:
        """What an error of the driver means to a user, and the way out."""
