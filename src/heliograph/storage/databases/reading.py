"""A connection for as long as it is read from.

Classes, since one is entered with every question: generators would cost several times as much.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from heliograph.storage.databases.backend import Backend
from heliograph.storage.statements.connection import Connection


class Reading:
    """A connection on which each statement sees a snapshot of its own.

    Args:
        backend: of the database.
        translate: raises what an error of the driver means to a user; leaves other errors alone.
    """

    __slots__ = ("_backend", "_connection", "_translate")

    def __init__(self, backend: Backend, translate: Callable[[BaseException], None]) -> None:
        self._backend = backend
        self._translate = translate

    def __enter__(self) -> Connection:
        """Take one."""
        try:
            self._backend.check_now_and_then()  # an open file can be read long after it was removed
            self._connection = self._backend.connect()
        except Exception as error:
            self._translate(error)
            raise
        return self._connection

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Give it back."""
        if error is not None:
            self._fail(error)
        else:
            self._backend.release(self._connection)

    def _fail(self, error: BaseException) -> None:
        self._backend.abandon(self._connection)
        if isinstance(error, Exception):
            self._translate(error)


class Snapshot(Reading):
    """A connection on which all statements see the same moment."""

    __slots__ = ()

    def __enter__(self) -> Connection:
        """Take one."""
        connection = super().__enter__()
        try:
            self._backend.begin_snapshot(connection)
        except BaseException as error:
            self._fail(error)
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        if error is None:
            try:
                self._backend.end_snapshot(self._connection)
            except BaseException as failed:
                self._fail(failed)
                raise
        super().__exit__(kind, error, trace)
