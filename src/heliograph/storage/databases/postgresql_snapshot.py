"""A snapshot in few trips to the server: it begins with the first question, and questions may go together.

Through a network a trip costs more than most questions. Only what reads is pipelined: see
`postgresql_transaction` for why.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus

from heliograph.storage.databases.postgresql_lookout import LookingConnection

_BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class SnapshotConnection(LookingConnection):
    """A connection with such snapshots, from `begin_snapshot` to `end_snapshot`."""

    _is_to_begin = False
    _is_amid = False

    @property
    def is_torn(self) -> bool:
        """Whether something else than an error of the server's, as Ctrl-C, came amid questions.

        What the server has yet to say, and of what, is not known then: nothing more can be asked on it.
        """
        asks = self.pgconn.transaction_status == TransactionStatus.ACTIVE
        return self._is_amid or asks or self.pgconn.pipeline_status != PipelineStatus.OFF

    def begin_snapshot(self) -> None:
        """Begin one: the server is told with the next question. Its moment is that question's anyway."""
        self._is_to_begin = True

    def end_snapshot(self) -> None:
        """End it, if it has not ended with the last questions."""
        self._is_to_begin = False
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().execute("COMMIT")

    def give_up(self) -> None:
        """It failed: say no more of it."""
        self._is_to_begin = False

    @contextmanager
    def together(self, last: bool) -> Iterator[None]:
        """What is asked meanwhile goes in one trip; answers are there afterwards.

        Args:
            last: that is all that is asked on a snapshot; its end goes along.
        """
        failed: BaseException | None = None
        outer = sys.exception()
        self._is_amid = True
        try:
            with self.pipeline():
                try:
                    if self._is_to_begin:
                        self._say_begin()
                    yield
                    if last:
                        super().execute("COMMIT")
                except BaseException as error:
                    failed = error  # kept from the driver, which would log that the pipeline failed too
                    if not isinstance(error, psycopg.Error):
                        self.close()  # else the driver would wait for answers that may never come
        except psycopg.Error as error:
            cause = None if error.__context__ is outer else error.__context__
            if failed is None and cause is not None and not isinstance(cause, psycopg.Error):
                raise cause from None  # the driver's own error only followed from that
            self._is_amid = False
            raise failed or error from None
        self._is_amid = False
        if failed is not None:
            raise failed

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As the driver's."""
        if not self._is_to_begin:
            return super().execute(query, params, **options)
        with self.together(last=False):
            return super().execute(query, params, **options)

    def cursor(self, *given: Any, **options: Any) -> Any:
        """As the driver's."""
        if self._is_to_begin:
            self._say_begin()
        return super().cursor(*given, **options)

    def _say_begin(self) -> None:
        self._is_to_begin = False
        super().execute(_BEGIN)
