"""Statements as text, run at the driver's own speed.

SQLAlchemy's execution layer costs ten times the statement itself for the small ones that the journal and
`get_metadata` live on. So statements that are always the same are given to the driver as text. Where that
comes from is told by `storage.statements.rendered` and `storage.statements.compiling`.
"""

from __future__ import annotations

import contextlib
import json
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final, NamedTuple

from heliograph.storage.statements.bulk import LEAST, Bulk, Rows
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables.soundness import Soundness, UnsoundError, read

Row = Mapping[str, Any]
PAIRS: Final = "pairs"
"""Names the parameter that has pairs of numbers as JSON: see `paired`."""
PAIRED: Final = ("firsts", "seconds")
"""Names those that have the first and the second numbers."""
_BATCH: Final = 5000
"""Rows read at once to become columns: all of 200,000 would take as much memory again."""


class Wording(NamedTuple):
    """A statement as one kind of database is told it.

    Attributes:
        sql: its text.
        places: names of its values, in the order in which the text has places for them; None: it has names.
        names: of the columns of its answer.
        columns: of an insert, that rows will give.
        bulk: the text for many rows at once, see `Bulk`; None: there is none.
        binary: which of its values are bytes; only said with `bulk`.
        holds: what the columns of its answer hold, as `soundness.written`.
    """

    sql: str
    places: Sequence[str] | None
    names: Sequence[str]
    columns: Sequence[str]
    bulk: str | None = None
    binary: Sequence[str] = ()
    holds: str = ""


class Answer:
    """The rows of a statement, in order; each has its columns by name, and is looked at before it is given.

    Args:
        cursor: of the driver, which has them.
        row: makes a row with names of one without.
        soundness: looks at them.
        asked: what the statement was told.
    """

    __slots__ = ("_asked", "_cursor", "_row", "_soundness")

    def __init__(
        self, cursor: Any, row: Callable[[Any], Any], soundness: Soundness, asked: Mapping[str, Any]
    ) -> None:
        self._cursor = cursor
        self._row = row
        self._soundness = soundness
        self._asked = asked

    def __iter__(self) -> Iterator[Any]:
        return map(self._row, self.rows())

    def all(self) -> list[Any]:
        """All of them."""
        return list(self)

    def plain(self) -> list[tuple[Any, ...]]:
        """All of them without names: of 200,000, these would cost more than the rows."""
        found = list(self._cursor.fetchall())
        if found:
            self._soundness.see_columns(list(zip(*found, strict=True)), self._asked)
        return found

    def columns(self, names: Sequence[str], recurring: Collection[str] = ()) -> dict[str, list[Any]]:
        """All of them, as one list a column.

        Args:
            names: of the columns.
            recurring: columns of few values: each value is kept once, however many rows have it.
        """
        columns: list[list[Any]] = [[] for _ in names]
        known: list[dict[Any, Any] | None] = [{} if name in recurring else None for name in names]
        while batch := self._cursor.fetchmany(_BATCH):
            given = list(zip(*batch, strict=True))
            self._soundness.see_columns(given, self._asked)
            for column, shared, values in zip(columns, known, given, strict=True):
                if shared is None:
                    column += values
                elif values.count(values[0]) == len(values):
                    column += [shared.setdefault(values[0], values[0])] * len(values)
                else:
                    column += map(shared.setdefault, values, values)
        return dict(zip(names, columns, strict=True))

    def first(self) -> Any:
        """The first one; None: there is none."""
        found = next(self.rows(), None)
        self._cursor.close()  # else it would go on reading, and keep what it reads from
        return None if found is None else self._row(found)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All of them without names, read as they are taken."""
        return self._soundness.seen(self._cursor, self._asked)

    def sound(self) -> Iterator[Any]:
        """Those that are sound: for those who need neither the others nor a word on them."""
        is_over = False
        while not is_over:
            with contextlib.suppress(UnsoundError):  # the others are behind it
                yield from self
                is_over = True

    def close(self) -> None:
        """No more of them are wanted."""
        self._cursor.close()

    def scalars(self) -> Iterator[Any]:
        """The first value of each."""
        return (row[0] for row in self.rows())

    def scalar_one_or_none(self) -> Any:
        """The first value of the first one; None: there is none."""
        found = self.first()
        return None if found is None else found[0]

    def scalar_one(self) -> Any:
        """The first value of the first one, which has to be there.

        Raises:
            LookupError: it is not.
        """
        found = self.first()
        if found is None:
            raise LookupError("a row was expected, and there is none")
        return found[0]


class Statement:
    """One statement for one kind of database.

    Args:
        worded: gives its text, when it is first run: most programs never run most statements.
    """

    __slots__ = (
        "_answers",
        "_bulk",
        "_columns",
        "_is_in_order",
        "_pick",
        "_row",
        "_rows",
        "_soundness",
        "_sql",
        "_worded",
    )

    def __init__(self, worded: Callable[[], Wording]) -> None:
        self._worded = worded
        self._sql = ""  # not known yet
        self._rows: Rows | None = None

    def _prepare(self) -> None:
        """Make it ready. Two threads may do so at once; what they make is the same, and `_sql` comes last."""
        wording = self._worded()
        self._bulk = None if wording.bulk is None else Bulk(wording.bulk, wording.binary)
        # The names are known only now, which no type checker can follow. Without any, no type is made:
        # that evaluates code, and where this is done at Python's end it forgets that Ctrl-C ended it.
        made: Any = namedtuple
        names = wording.names
        self._answers = bool(names)
        self._row: Callable[[Any], Any] = made("Row", names, rename=True)._make if names else tuple
        self._soundness = Soundness(read(wording.holds))
        places = wording.places
        self._columns = wording.columns
        self._is_in_order = places is not None and list(places) == list(wording.columns)
        match places:
            case None:
                self._pick: Any = dict
            case []:
                self._pick = _nothing
            case [name]:
                self._pick = lambda row: (row[name],)
            case _:
                self._pick = itemgetter(*places)
        self._sql = wording.sql

    def ask(self, connection: Connection, **values: Any) -> Answer:
        """Run it for its rows, straight on the driver."""
        if not self._sql:
            self._prepare()
        raw = connection.raw
        return Answer(raw.execute(self._sql, self._pick(values)), self._row, self._soundness, values)

    def row(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """Run it for its only row, without names; None: there is none."""
        if not self._sql:
            self._prepare()
        found = connection.raw.execute(self._sql, self._pick(values))
        return next(self._soundness.seen(found, values), None)

    def saying(self, values: Mapping[str, int | StrEnum | None]) -> Statement:
        """The same with these values in its text; it is asked with them all the same.

        For values of which there are few: a server then keeps a plan for each of them, which differ, as how
        many rows are wanted decides which way is good.
        """
        wording = self._worded()
        if wording.places is not None:  # SQLite's, which never plans for values
            return self
        sql = wording.sql
        for name, value in values.items():
            said = "NULL" if value is None else f"'{value}'" if isinstance(value, StrEnum) else f"{value:d}"
            sql = sql.replace(f"%({name})s", said)
        return Statement(lambda: wording._replace(sql=sql))

    def told(self, **values: Any) -> tuple[str, Any]:
        """What the driver is told by `ask`: a text, and what belongs in its places."""
        if not self._sql:
            self._prepare()
        return self._sql, self._pick(values)

    def put(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """As `tell`, for an insert: each row has the values of its `columns`, in their order."""
        if not rows:
            return
        if not self._sql:
            self._prepare()
        if not self._is_in_order:
            self.tell(connection, *[dict(zip(self._columns, row, strict=True)) for row in rows])
            return
        raw = connection.raw
        if len(rows) == 1:
            raw.execute(self._sql, rows[0])
        elif len(rows) < LEAST:
            raw.executemany(self._sql, rows)
        else:
            if self._rows is None:
                self._rows = Rows(self._sql)
            self._rows.put(raw, rows)

    def tell(self, connection: Connection, *rows: Row) -> None:
        """Run it once for each of these, straight on the driver."""
        if not rows:
            return
        if not self._sql:
            self._prepare()
        raw = connection.raw
        if len(rows) == 1:
            raw.execute(self._sql, self._pick(rows[0]))
        elif self._bulk is None or not self._bulk.tell(raw, rows):
            raw.cursor().executemany(self._sql, [self._pick(row) for row in rows])

    def key_of_new(self, connection: Connection, row: Row) -> int | None:
        """Run it for this, an insert, straight on the driver; the key that the row got.

        None: it is not there, since another one has what is unique of it.
        """
        if not self._sql:
            self._prepare()
        cursor = connection.raw.execute(self._sql, self._pick(row))
        if not self._answers:  # SQLite's driver knows; RETURNING would take as long as the insert itself
            return cursor.lastrowid if cursor.rowcount else None
        found = cursor.fetchone()
        return None if found is None else int(found[0])

    def expect(self, connection: Connection, *rows: Row) -> None:
        """Run it for these, each of which has to change a row; in a transaction that hopes (`Backend.begin`).

        Raises:
            NotAsHopedError: it changed none; or what means that, an error of the driver's at the commit.
        """
        if not self._sql:
            self._prepare()
        raw = connection.raw
        if len(rows) > 1 and self._bulk is not None and self._bulk.expect(raw, rows):
            return
        for row in rows:
            raw.expect_one(self._sql, self._pick(row))

    def changed(self, connection: Connection, row: Row) -> int:
        """Run it for this, straight on the driver; returns how many rows of its table it changed."""
        if not self._sql:
            self._prepare()
        return int(connection.raw.execute(self._sql, self._pick(row)).rowcount)


def _nothing(_row: Row) -> tuple[()]:
    return ()


def listed(values: Sequence[int] | Sequence[str], kind: str) -> object:
    """Many values as one, for a parameter of `composing.among`.

    Args:
        values: any number of them.
        kind: of database.
    """
    return json.dumps(values) if kind == "sqlite" else list(values)


def paired(pairs: Sequence[tuple[int, int]], kind: str) -> dict[str, object]:
    """Pairs of numbers, for the parameters of `composing.pair_among`.

    Args:
        pairs: any number of them.
        kind: of database.
    """
    if kind == "sqlite":
        return {PAIRS: json.dumps(pairs)}
    return {name: [pair[place] for pair in pairs] for place, name in enumerate(PAIRED)}
