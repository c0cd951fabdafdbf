"""The language of searches: text becomes conditions, and an error points at the character.

    status = FAILED and (user_metadata.team in ("blue", "red") or not user_metadata.nightly exists)

A comparison is a name, an operator and a value. Operators: ``= != < <= > >= contains prefix in exists``.
Values: text in quotes (or a bare word), dates, numbers, also with a unit (``2GB``, ``1.5 MiB``, ``90s``,
``2h``), true, false, null. Comparisons are joined by ``and``, ``or``, ``not`` and parentheses. A key that is
no plain word is put in quotes: ``user_metadata."a.b"``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from heliograph.errors import SearchError
from heliograph.search.expressions import (
    And,
    Comparison,
    Condition,
    Exists,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)

UNITS: Final[Mapping[str, float]] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": 86400,
}
"""Bytes and seconds."""
DEPTH_LIMIT: Final = 100
"""How deep parentheses and ``not`` may be nested."""

_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}
_JOINS: Final = frozenset({"and", "or", "not", "in", "exists", "contains", "prefix"})
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<date>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]) | -?\d+(?:\.\d+)?(?=[^\W\d_]))
      | (?P<word>[^\W\d][\w-]*)
      | (?P<digits>\d+)
      | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
      | (?P<sign><=|>=|!=|<>|==|[=<>().,])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final[Mapping[str, str]] = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


@functools.lru_cache(256)  # a page is asked for again and again
def read(text: str) -> Condition:
    """The condition that a text says.

    Raises:
        SearchError: it says none; the error points at the place.

    >>> read('user_metadata.team = "blue" and stats.peak_rss > 2GB')
    And(parts=(user_metadata.team = 'blue', stats.peak_rss > 2000000000))
    """
    return _Reader(text).condition()


def read_name(text: str) -> Name:
    """The name of a field that a text says.

    Raises:
        SearchError: it says none.
    """
    if not isinstance(text, str):
        raise TypeError(f"the name of a field is a str, not {text!r}")
    return _Reader(text).only_name()


class _Reader:
    """Reads one text, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._next = 0
        self._depth = 0

    def condition(self) -> Condition:
        found = self._either()
        if self._token.kind != "end":
            self._fail("here 'and', 'or' or the end is expected")
        return found

    def only_name(self) -> Name:
        name = self._name()
        if self._token.kind != "end":
            self._fail("the name of a field goes on in no such way")
        return name

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                what = "this text has no end" if self._text[at] in "\"'" else "nothing begins with this"
                raise SearchError(what, self._text, at)
            if found.lastgroup != "space":
                tokens.append(_Token(str(found.lastgroup), found.group(), at))
            at = found.end()
        return [*tokens, _Token("end", "", len(self._text))]

    # -- how conditions are joined

    def _either(self) -> Condition:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            self._fail(f"conditions may be nested {DEPTH_LIMIT} deep, not deeper")
        try:
            if self._takes("not"):
                return Not(self._one())
            if self._takes("("):
                inner = self._either()
                self._need(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Condition:
        name = self._name()
        if self._takes("exists"):
            return Exists(name)
        if self._takes("in"):
            return self._one_of(name)
        if self._takes("not"):
            self._need("in")
            return Not(self._one_of(name))
        operator = self._operator()
        at = self._token.at
        value, last = self._value(), self._tokens[self._next - 1]
        unit = last.text if type(value) in (int, float) and last.kind == "word" else None
        return Comparison(name, operator, value, at, unit)

    def _one_of(self, name: Name) -> Condition:
        at = self._token.at
        self._need("(")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._need(")")
        return OneOf(name, tuple(values), at)

    # -- what they are made of

    def _name(self) -> Name:
        at = self._token.at
        parts = [self._part(first=True)]
        while self._takes("."):
            if re.fullmatch(r"\d+(\.\d+)?", self._token.text):  # one or two keys that are numbers
                parts += self._token.text.split(".")
                self._next += 1
            else:
                parts.append(self._part(first=False))
        return Name(tuple(parts), at)

    def _part(self, first: bool) -> str:
        token = self._token
        if token.kind == "word" and not (first and token.text.lower() in _JOINS):
            self._next += 1
            return token.text
        if token.kind == "text" and not first:
            self._next += 1
            return _unquoted(token.text)
        return self._fail("here the name of a field is expected")

    def _operator(self) -> Operator:
        token = self._token
        written = {"==": "=", "<>": "!="}.get(token.text, token.text.lower())
        if token.kind not in ("word", "sign") or written not in set(Operator):
            known = ", ".join([*Operator, "in", "exists"])
            self._fail(f"here an operator is expected, one of {known}")
        self._next += 1
        return Operator(written)

    def _value(self) -> Value:
        token = self._token
        if token.kind == "text":
            self._next += 1
            return _unquoted(token.text)
        if token.kind == "date":
            self._next += 1
            return token.text
        if token.kind in ("number", "digits"):
            self._next += 1
            return self._number(token)
        if token.kind == "word" and token.text.lower() not in _JOINS:
            self._next += 1
            if self._token.text != ".":
                return _WORDS.get(token.text.lower(), token.text)
            word = token.text
            while self._takes("."):  # the dotted name of a function or an error
                word += f".{self._part(first=False)}"
            return word
        return self._fail("here a value is expected: text in quotes, a number, true, false or null")

    def _number(self, token: _Token) -> Value:
        number = float(token.text)
        unit = self._token
        if unit.kind == "word" and unit.text.lower() not in _JOINS:
            if unit.text not in UNITS:
                self._fail(f"there is no unit {unit.text!r}; there are {', '.join(UNITS)}")
            self._next += 1
            number *= UNITS[unit.text]
        if abs(number) == float("inf"):
            raise SearchError("this number is too large", self._text, token.at)
        return int(number) if number == int(number) else number

    # -- the place in the text

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _takes(self, text: str) -> bool:
        token = self._token
        if token.kind in ("word", "sign") and token.text.lower() == text:
            self._next += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._takes(text):
            self._fail(f"here {text!r} is expected")

    def _fail(self, what: str) -> NoReturn:
        raise SearchError(what, self._text, self._token.at)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
