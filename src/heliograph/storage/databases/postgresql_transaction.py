"""A transaction that says as little as it can: few statements, and none before its answer is needed.

A statement by itself costs driver and server a tenth of a millisecond, several times what its row costs, and
a trip over the network besides. So changes that need nothing of each other travel as one: all but the last as
``WITH`` queries of the last, which the server carries out to the end whether or not anything reads them
(PostgreSQL's manual, 7.8.4, "Data-Modifying Statements in WITH"). They all see the moment before it; so a
change that so much as names a table of one that waits goes after that one, unless it is known to be of other
rows (`apart`).

If that one statement is all there is to a transaction, it goes without BEGIN and COMMIT, since a statement by
itself is one. So that it may be, a change that has to meet a row, or make one (`expect_one`), is not asked
how many it met: the statement fails if it met none.

Nothing of it is pipelined: in a pipeline the server does not take a client for idle that is stopped between
two statements, and would keep what the transaction has locked from all others for as long.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from heliograph.storage.databases.postgresql_snapshot import SnapshotConnection
from heliograph.storage.statements.rendered import tables

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement sees what was committed before it
_CHANGES: Final = ("INSERT ", "UPDATE ", "DELETE ")
_PLACE: Final = re.compile(r"%\((\w+)\)s|%%")
_NAMES_TABLE: Final = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)")


class TerseConnection(SnapshotConnection):
    """A connection with such transactions, from `begin` to `commit_all` or `give_up`."""

    _transaction: _Transaction | None = None

    @property
    def _may_look(self) -> bool:
        # While an engine commits, a worker process looks for the next task: with two, the server waited.
        return self._transaction is None

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
        super().give_up()
        self._transaction = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As the driver's; within a transaction, a change may be said later, together with others."""
        if self._transaction is None or options:
            return super().execute(query, params, **options)
        return self._transaction.take(query, params)

    def expect_one(self, query: str, params: Mapping[str, Any]) -> None:
        """A change within a transaction that has to change a row.

        Raises:
            psycopg.errors.DivisionByZero: it changed none; here or later, at the commit at the latest.
        """
        self.expect(query, params, 1)

    def expect(self, query: str, params: Mapping[str, Any], count: int) -> None:
        """As `expect_one`, where it has to change so many."""
        assert self._transaction is not None
        self._transaction.expect(query, params, count)

    def apart(self) -> None:
        """Within a transaction: what follows is of other rows than all that came before."""
        assert self._transaction is not None
        self._transaction.apart()

    def cursor(self, *given: Any, **options: Any) -> Any:
        """As the driver's; what was taken is done before."""
        if self._transaction is not None:
            self._transaction.settle()
        return super().cursor(*given, **options)


class _Transaction:
    """One transaction of a connection."""

    def __init__(self, connection: TerseConnection) -> None:
        self._connection = connection
        self._has_begun = False
        self._waiting: list[tuple[str, Mapping[str, Any]]] = []
        self._named: frozenset[str] = frozenset()  # tables, by those that wait
        self._expected: list[tuple[int, str]] = []  # which have to change rows; nothing, if they did not

    def take(self, query: str, params: Mapping[str, Any] | None) -> Any:
        """A statement; returns what has its answer."""
        if params is None or not query.startswith(_CHANGES):
            self._say_waiting()
            return self._say(query, params)
        self._add(query, params)
        return self._say_waiting() if " RETURNING " in query else self

    def expect(self, query: str, params: Mapping[str, Any], count: int) -> None:
        """See `TerseConnection.expect`."""
        met = "count(*)"
        if count != 1:
            params = {**params, "count": count}
            met = "(count(*) = %(count)s::BIGINT)::INTEGER"
        self._add(f"{query} RETURNING 1", params)
        self._expected.append((len(self._waiting) - 1, met))

    def apart(self) -> None:
        """See `TerseConnection.apart`."""
        self._named = frozenset()

    def _add(self, query: str, params: Mapping[str, Any]) -> None:
        named = _tables_in(query)
        if not self._named.isdisjoint(named):
            self._say_waiting()
        self._waiting.append((query, params))
        self._named |= named

    @property
    def rowcount(self) -> int:
        """How many rows the last change changed; to be asked before anything else is said."""
        return int(self._say_waiting().rowcount)

    def settle(self) -> None:
        """Say all that waits: others go on."""
        self._say_waiting()
        self._begin()

    def commit(self) -> None:
        """Say all that waits, and commit."""
        if self._has_begun:
            self._say_waiting()
            self._run("COMMIT")
        else:
            self._has_begun = True  # a statement by itself is a transaction
            self._say_waiting()

    def _say_waiting(self) -> Any:
        if not self._waiting:
            return None
        waiting, self._waiting, self._named = self._waiting, [], frozenset()
        expected, self._expected = tuple(self._expected), []
        self._begin()
        sql, places = _joined(tuple([query for query, _ in waiting]), expected)
        return self._run(sql, [waiting[number][1][name] for number, name in places])

    def _say(self, query: str, params: Mapping[str, Any] | None) -> Any:
        self._begin()
        if params is None:
            return self._run(query)
        sql, places = _joined((query,), ())
        return self._run(sql, [params[name] for _, name in places])

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._run(_BEGIN)

    def _run(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        return psycopg.RawCursor(self._connection).execute(sql, values)


@functools.cache  # there are some dozens of statements
def _tables_in(query: str) -> frozenset[str]:
    return frozenset(_NAMES_TABLE.findall(query)).intersection(tables("postgresql"))


@functools.lru_cache(1_000)  # of all ways to join them, few ever occur
def _joined(
    queries: tuple[str, ...], expected: tuple[tuple[int, str], ...]
) -> tuple[str, Sequence[tuple[int, str]]]:
    """Statements as one, as the server takes it, and its values in their order: of which of them, and which.

    For a statement by itself the driver does as much, but keeps nothing of those that are long or have more
    than 50 values, as what several were joined into is: it would take them apart anew each time.

    Args:
        queries: the statements.
        expected: those of them that have to change rows, each with what is 1 if it did, and else 0.
    """
    numbers: dict[tuple[int, str], int] = {}

    def numbered(number: int, text: str) -> str:
        def place(found: re.Match[str]) -> str:
            return f"${numbers.setdefault((number, found[1]), len(numbers) + 1)}" if found[1] else "%"

        return _PLACE.sub(place, text)

    said = [numbered(number, query) for number, query in enumerate(queries)]
    # An error is the only thing by which a statement can undo itself, and this one costs no function.
    met = [f"1 / (SELECT {numbered(number, its)} FROM s{number})" for number, its in expected]
    last = f"SELECT {', '.join(met)}" if met else said.pop()
    before = (
        f"WITH {', '.join([f's{number} AS ({query})' for number, query in enumerate(said)])} " if said else ""
    )
    return before + last, tuple(numbers)
