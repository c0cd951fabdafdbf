"""Statements that are made once for a shape of question, and asked with the values of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, BindParameter, Dialect, Float, Text, bindparam
from sqlalchemy.sql import ClauseElement

from heliograph.search.expressions import Value
from heliograph.storage.journal import labels
from heliograph.storage.searching.places import Place
from heliograph.storage.searching.shapes import Kind, Placeholder
from heliograph.storage.statements.compiling import compiled, wording
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.statement import Answer, Statement

_AFTER_ALL: Final = "\U0010ffff"


class Parameters(NamedTuple):
    """One question's own part: what its shape leaves open.

    Attributes:
        values: of its condition, by the numbers of their placeholders.
        alive: gives the ids of the owners that are there, which decide what is RESUMABLE; asked if that
            matters.
        most: so many rows at most.
        after: the row before the first of them; None: from the first one.
    """

    values: Sequence[Value]
    alive: Callable[[], object]
    most: int
    after: Place | None


def owners_there(given: Parameters) -> object:
    """What fills a statement with the ids of the owners that are there."""
    return given.alive()


@dataclass(frozen=True, slots=True)
class _Filling:
    """Stands in a statement for a value that each question has of its own."""

    of: Callable[[Parameters], Any]


class PreparedQuery:
    """A statement; compiled when it is first asked.

    Args:
        statement: it. Values that it has of its own are the same for all questions.
        dialect: of the database.
    """

    __slots__ = ("_dialect", "_fillings", "_made", "_own", "_text")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        self._made = statement
        self._dialect = dialect
        self._text: Statement | None = None

    @property
    def asks_owners(self) -> bool:
        """Whether it is filled with what another statement finds: see `owners_there`."""
        self._prepared()
        return any(of is owners_there for _, of in self._fillings)

    def ask(self, connection: Connection, given: Parameters) -> Answer:
        """Run it for its rows."""
        return self._prepared().ask(connection, **self._values(given))

    def told(self, given: Parameters) -> tuple[str, Any]:
        """What the driver is told: a text, and what belongs in its places."""
        return self._prepared().told(**self._values(given))

    def _prepared(self) -> Statement:
        if self._text is None:  # two threads may make it at once: both make the same
            made = compiled(self._made, (), self._dialect)
            told = wording(self._made, made, (), self._dialect)
            values = {name: bind.effective_value for bind, name in made.bind_names.items()}
            self._fillings = [(name, one.of) for name, one in values.items() if isinstance(one, _Filling)]
            self._own = {name: one for name, one in values.items() if not isinstance(one, _Filling)}
            self._text = Statement(lambda: told)
        return self._text

    def _values(self, given: Parameters) -> dict[str, Any]:
        return self._own | {name: of(given) for name, of in self._fillings}


def filled(of: Callable[[Parameters], Any], kind: Any) -> BindParameter[Any]:
    """A value that each question has of its own.

    Args:
        of: gives it.
        kind: its type, as SQLAlchemy has it.
    """
    return bindparam("given", _Filling(of), type_=kind, unique=True)


def most() -> BindParameter[int]:
    """How many rows are wanted."""
    return filled(lambda given: given.most, BigInteger)


def type_of(kind: Kind) -> Any:
    """The type of a value of a kind."""
    return {Kind.WHOLE: BigInteger, Kind.REAL: Float}.get(kind, Text)


class Filled:
    """The forms in which a value of a question is put into statements.

    Args:
        placeholder: of the value.
        form: of what is made of that value in all of them.
    """

    def __init__(self, placeholder: Placeholder, form: Callable[[Any], Any] = lambda value: value) -> None:
        self._number = placeholder.number
        self._kind = placeholder.kind
        self._form = form

    def plain(self) -> BindParameter[Any]:
        """As it is."""
        return self._made(lambda value: value, type_of(self._kind))

    def end(self) -> BindParameter[str]:
        """What comes after all text that begins with it."""
        return self._made(lambda text: text + _AFTER_ALL, Text)

    def pattern(self) -> BindParameter[str]:
        """What LIKE finds text by that begins with it; a slash escapes."""
        return self._made(_pattern, Text)

    def _made(self, make: Callable[[Any], Any], kind: Any) -> BindParameter[Any]:
        number, form = self._number, self._form
        return filled(lambda given: make(form(given.values[number])), kind)


def label_text(placeholder: Placeholder) -> Filled:
    """A value that is text, as labels have it."""
    return Filled(Placeholder(placeholder.number, Kind.TEXT), lambda value: labels.stored(value)[0])


def label_number(placeholder: Placeholder) -> BindParameter[float]:
    """A value that is a number, as labels have it."""
    return Filled(Placeholder(placeholder.number, Kind.REAL), lambda value: labels.stored(value)[1]).plain()


def _pattern(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"
