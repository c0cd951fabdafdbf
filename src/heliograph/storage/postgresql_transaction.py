"""A transaction that says little by little as little as it can: few statements, and few waits for answers.

A statement by itself costs driver and server a tenth of a millisecond, several times what its row costs, and
a trip over the network besides. So changes that need nothing of each other travel as one: all but the last as
``WITH`` queries of the last, which the server carries out to the end whether or not anything reads them
(PostgreSQL's manual, 7.8.4, "Data-Modifying Statements in WITH"). They all see the moment before it; so a
change that so much as names a table of one that waits goes after that one.

And what is said is pipelined (the manual, 32.5): nobody waits for an answer that nobody asked for.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from heliograph.storage import schema
from heliograph.storage.bulk import MANY_ROWS

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement sees what was committed before it
_CHANGES: Final = ("INSERT ", "UPDATE ", "DELETE ")
_LONG: Final = 10_000  # characters of rows that the server may work on while the next ones are put together
_PLACE: Final = re.compile(r"%\((\w+)\)s")
_WORD: Final = re.compile(r"\w+")
_TABLES: Final = frozenset(schema.metadata.tables)


class TerseConnection(psycopg.Connection[Any]):
    """A connection with such transactions, from `begin` to `commit_all` or `give_up`."""

    _transaction: _Transaction | None = None

    def begin(self) -> None:
        """Begin one."""
        self._transaction = _Transaction(self)

    def commit_all(self) -> None:
        """Make it last. An error is raised at the latest now, whichever statement it is of."""
        if self._transaction is not None:
            self._transaction.commit()
        self._transaction = None

    def give_up(self) -> None:
        """It failed: say no more of it. What the server has of it is still to be rolled back."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            with contextlib.suppress(psycopg.Error):  # the one that it failed by, once more
                transaction.pipeline.close()

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As the driver's; within a transaction, an answer is waited for when it is looked at."""
        if self._transaction is None or options:
            return super().execute(query, params, **options)
        return self._transaction.take(query, params)

    def cursor(self, *given: Any, **options: Any) -> Any:
        """As the driver's; what was taken is done before."""
        if self._transaction is not None:
            self._transaction.settle()
        return super().cursor(*given, **options)


class _Transaction:
    """One of a connection.

    Attributes:
        pipeline: what is said is not waited for, until this is closed.
    """

    def __init__(self, connection: TerseConnection) -> None:
        self._connection = connection
        self._has_begun = False
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._named: frozenset[str] = frozenset()  # tables, by those that wait
        self.pipeline = contextlib.ExitStack()
        self._pipeline: psycopg.Pipeline | None = None

    def take(self, query: str, params: Mapping[str, Any] | None) -> Any:
        """A statement; returns what has its answer."""
        if params is None or not query.startswith(_CHANGES):
            self._say_waiting()
            return self._say(query, params)
        named = _tables_in(query)
        if not self._named.isdisjoint(named):
            self._say_waiting()
        self._waiting.append((query, params))
        self._named |= named
        if " RETURNING " in query or len(params.get(MANY_ROWS, "")) > _LONG:
            return self._say_waiting()
        return self

    @property
    def rowcount(self) -> int:
        """How many rows the last change changed; to be asked before anything else is said."""
        cursor = self._say_waiting()
        assert self._pipeline is not None
        self._pipeline.sync()
        return int(cursor.rowcount)

    def settle(self) -> None:
        """Say all that waits, and wait until it is done."""
        self._say_waiting()
        self._begin()
        self.pipeline.close()
        self._pipeline = None

    def commit(self) -> None:
        """Say all that waits, and commit."""
        self._say_waiting()
        if self._has_begun:
            self._say("COMMIT", None)
            self.pipeline.close()

    def _say_waiting(self) -> Any:
        if not self._waiting:
            return None
        waiting, self._waiting, self._named = self._waiting, [], frozenset()
        if len(waiting) == 1:
            return self._say(*waiting[0])
        values = {
            f"s{number}_{name}": value
            for number, (_, given) in enumerate(waiting)
            for name, value in given.items()
        }
        return self._say(_joined(tuple([query for query, _ in waiting])), values)

    def _say(self, query: str, params: Mapping[str, Any] | None) -> Any:
        self._begin()
        return self._run(query, params)

    def _begin(self) -> None:
        if self._pipeline is None:
            self._pipeline = self.pipeline.enter_context(self._connection.pipeline())
        if not self._has_begun:
            self._has_begun = True
            self._run(_BEGIN, None)

    def _run(self, query: Any, params: Mapping[str, Any] | None) -> Any:
        return psycopg.Cursor(self._connection).execute(query, params)


@functools.cache  # there are some dozens of statements
def _tables_in(query: str) -> frozenset[str]:
    return _TABLES.intersection(_WORD.findall(query))


@functools.lru_cache(1_000)  # of all ways to join them, few ever occur
def _joined(queries: tuple[str, ...]) -> str:
    *before, last = [_PLACE.sub(rf"%(s{number}_\1)s", query) for number, query in enumerate(queries)]
    return f"WITH {', '.join([f's{number} AS ({query})' for number, query in enumerate(before)])} {last}"
