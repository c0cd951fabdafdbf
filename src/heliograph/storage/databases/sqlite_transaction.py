"""A transaction of SQLite's that is said as one statement, where that can be.

Python's driver gives the interpreter's lock away for each statement, twice, and has to get it back: beside a
thread that computes that takes 5 ms each time (`sys.getswitchinterval`), so that a commit of seven statements
took 70. Changes that follow each other are the body of a trigger instead. It belongs to a view of this
connection's own, whose columns are their values; inserting a row there carries them out, in their order, each
seeing those before it. A statement by itself is a transaction, so BEGIN and COMMIT are not said either.

See SQLite's documentation, "CREATE TRIGGER", of temporary triggers and of ``INSTEAD OF``.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from itertools import count, islice
from typing import Any, Final

from heliograph.storage.databases.backend import NotAsHopedError

_CHANGES: Final = ("INSERT ", "UPDATE ", "DELETE ")
_MOST_VALUES: Final = 500  # more take longer than what is won; a view has room for 2,000
_MOST_PROGRAMS: Final = 64
MISSED: Final = "not as hoped"
"""The text of the error by which a statement that met no row undoes all."""


class ProgrammedConnection(sqlite3.Connection):
    """A connection that remembers its programs.

    Attributes:
        programs: what carries changes out together, by what was said; empty: that was said once, one by one.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.programs: dict[tuple[str, ...], str] = {}
        self._names = count()

    def new_name(self) -> str:
        """For a program; it has had none of that name."""
        return f"together_{next(self._names)}"


class Gathered:
    """A transaction on a connection, to be used in its place: changes wait until something else is said.

    Args:
        connection: not in a transaction.
    """

    __slots__ = ("_connection", "_has_begun", "_lengths", "_said", "_values")

    def __init__(self, connection: ProgrammedConnection) -> None:
        self._connection = connection
        self._has_begun = False
        self._said: list[str] = []  # behind each that has to change a row, `MISSED`
        self._values: list[Any] = []  # of all of them
        self._lengths: list[int] = []  # how many are whose

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """As the driver's; a change may be carried out later, together with others."""
        if not self._has_begun:
            if _may_wait(sql) and len(self._values) + len(values) <= _MOST_VALUES:
                self._said.append(sql)
                self._values += values
                self._lengths.append(len(values))
                return self
            self.settle()
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> Any:
        """As the driver's; a change may be carried out later, together with others."""
        if not self._has_begun:
            if len(rows) * len(rows[0]) <= _MOST_VALUES:
                for row in rows:
                    self.execute(sql, row)
                return self
            self.settle()
        return self._connection.executemany(sql, rows)

    def cursor(self) -> Gathered:
        """What takes statements as a cursor does."""
        return self

    def expect_one(self, sql: str, values: Sequence[Any]) -> None:
        """A change that has to change a row.

        Raises:
            NotAsHopedError: it changed none; then, or an error of the driver's at the commit.
        """
        done = self.execute(sql, values)
        if self._has_begun:
            _expect(done)
        else:
            self._said.append(MISSED)

    @property
    def in_transaction(self) -> bool:
        """As the driver's."""
        return self._connection.in_transaction

    def settle(self) -> None:
        """Carry out all that waits, each by itself: others go on."""
        if self._has_begun:
            return
        self._has_begun = True
        self._connection.execute("BEGIN IMMEDIATE")
        done: Any = None
        values, lengths = iter(self._values), iter(self._lengths)
        for sql in self._said:
            if sql is MISSED:
                _expect(done)
            else:
                done = self._connection.execute(sql, tuple(islice(values, next(lengths))))

    def commit(self) -> None:
        """Carry out all that waits, and make it last."""
        if not self._has_begun:
            if not self._said:
                return
            if program := self._program():
                self._connection.execute(program, self._values)
                return
            self.settle()
        self._connection.execute("COMMIT")

    def _program(self) -> str:
        """What is said to carry all out together; empty: it is not known yet, or there are too many."""
        said, programs = tuple(self._said), self._connection.programs
        program = programs.get(said)
        if program is None:
            if len(programs) < _MOST_PROGRAMS:
                programs[said] = ""  # what is said once may never be said again, and making one takes a while
            return ""
        if not program:
            program = programs[said] = _made(self._connection, self._connection.new_name(), said)
        return program


@functools.cache  # there are some dozens of statements
def _may_wait(sql: str) -> bool:
    return sql.startswith(_CHANGES) and " RETURNING " not in sql


def _expect(done: sqlite3.Cursor) -> None:
    if done.rowcount != 1:
        raise NotAsHopedError(MISSED)


def _made(connection: sqlite3.Connection, name: str, said: Sequence[str]) -> str:
    """A view and its trigger; returns the statement that sets it off."""
    body: list[str] = []
    places = 0
    for sql in said:
        if sql is MISSED:
            body.append(f"SELECT RAISE(ABORT, '{MISSED}') WHERE changes() <> 1")
            continue
        first, *rest = sql.split("?")
        body.append(first + "".join([f"NEW.v{places + place}{text}" for place, text in enumerate(rest)]))
        places += len(rest)
    columns = ", ".join([f"NULL AS v{place}" for place in range(places)])
    connection.execute(f"CREATE TEMP VIEW {name} AS SELECT {columns}")
    connection.execute(
        f"CREATE TEMP TRIGGER {name}_said INSTEAD OF INSERT ON {name} BEGIN {'; '.join(body)}; END"
    )
    return f"INSERT INTO {name} VALUES ({', '.join(['?'] * places)})"
