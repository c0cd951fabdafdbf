"""The language of searches: text becomes conditions, and an error points at the character.

    status = FAILED and (user_metadata.team in ("blue", "red") or not user_metadata.nightly exists)

A comparison is a name, an operator and a value. Operators: ``= != < <= > >= contains prefix in exists``.
Values: text in quotes (or a bare word), dates, times from now on (``now``, ``now - 24h``), numbers, also with
a unit (``2GB``, ``1.5 MiB``, ``90s``, ``2h``), true, false, null. Comparisons are joined by ``and``, ``or``,
``not`` and parentheses. A key that is no plain word is put in quotes: ``user_metadata."a.b"``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from heliograph.errors import SearchError
from heliograph.search.expressions import (
    WHOLE_LIMIT,
    And,
    Comparison,
    Condition,
    Exists,
    FromNow,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Source,
    Value,
)
from heliograph.search.units import SPANS, UNITS

DEPTH_LIMIT: Final = 100
"""How deep parentheses and ``not`` may be nested."""

_NOW: Final = "now"
_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}
_JOINS: Final = frozenset({"and", "or", "not", "in", "exists", "contains", "prefix"})
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<date>\d{4}-\d\d-\d\d(?:(?:T|[ ](?=\d\d:))[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d_.]))
      | (?P<now>(?<!\.)(?i:now)(?:-(?=\s*\d)|\s*\+|\s+-))
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


def is_from_now(text: str) -> bool:
    """Whether a text says a time from now, well or badly."""
    return text.strip().lower().startswith(_NOW)


def read_from_now(text: str) -> FromNow:
    """The time from now that a text says.

    Raises:
        SearchError: it says none.

    >>> read_from_now("now"), read_from_now("now - 1.5h")
    (now + 0s, now - 5400s)
    """
    return _Reader(text).only_from_now()


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
            is_word = self._token.kind in ("word", "number", "digits")
            hint = "; text of several words goes in quotes" if is_word else ""
            self._fail(f"here 'and', 'or' or the end is expected{hint}")
        return found

    def only_name(self) -> Name:
        name = self._name()
        if self._token.kind != "end":
            self._fail("the name of a field goes on in no such way")
        return name

    def only_from_now(self) -> FromNow:
        value = FromNow(0) if self._takes(_NOW) else self._value()
        if self._token.kind != "end" or not isinstance(value, FromNow):
            raise SearchError(f"write {_NOW}, or {_NOW} - 24h")
        return value

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise SearchError(_unknown(self._text[at]), self._text, at)
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
        return Comparison(name, operator, *self._sourced())

    def _one_of(self, name: Name) -> Condition:
        if not self._takes("("):
            self._fail("here '(' is expected: values of which it is one are written (a, b)")
        found = [self._sourced()]
        while self._takes(","):
            found.append(self._sourced())
        self._need(")")
        values, sources = zip(*found, strict=True)
        return OneOf(name, values, sources)

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

    def _sourced(self) -> tuple[Value, Source]:
        at = self._token.at
        value, last = self._value(), self._tokens[self._next - 1]
        unit = last.text if type(value) in (int, float) and last.kind == "word" else None
        return value, Source(at, self._text[at : last.at + len(last.text)], unit)

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
            return self._number(token, UNITS)
        if token.kind == "now":
            self._next += 1
            return FromNow(self._span() * (-1 if token.text.endswith("-") else 1))
        if token.kind == "word" and token.text.lower() not in _JOINS:
            self._next += 1
            if self._token.text != ".":
                return _WORDS.get(token.text.lower(), token.text)
            word = token.text
            while self._takes("."):  # the dotted name of a function or an error
                word += f".{self._part(first=False)}"
            return word
        return self._fail("here a value is expected: text in quotes, a number, a time, true, false or null")

    def _span(self) -> float:
        token = self._token
        if token.kind not in ("number", "digits"):
            self._fail(f"here a span is expected, as in {_NOW} - 24h")
        self._next += 1
        if self._token.kind != "word" or self._token.text.lower() in _JOINS:
            self._fail(f"here a unit is expected, one of {', '.join(SPANS)}")
        return self._number(token, SPANS)

    def _number(self, token: _Token, units: Mapping[str, float]) -> int | float:
        number = float(token.text)
        unit, is_exact = self._token, token.text.lstrip("-").isdigit()
        if unit.kind == "word" and unit.text.lower() not in _JOINS:
            is_exact = False
            if unit.text not in units:
                whose = "unit of time" if units is SPANS else "unit"
                self._fail(f"there is no {whose} {unit.text!r}; there are {', '.join(units)}")
            self._next += 1
            number *= units[unit.text]
        if abs(number) == float("inf"):
            raise SearchError("this number is too large", self._text, token.at)
        if is_exact:
            return int(token.text)
        return int(number) if abs(number) < WHOLE_LIMIT and number == int(number) else number

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


def _unknown(first: str) -> str:
    if first in "\"'":
        return f"this text has no end: another {first} ends it"
    is_join = first in "&|!~"
    hint = "conditions are joined by and, or, not" if is_join else "text that has it goes in quotes"
    return f"nothing begins with {first!r}; {hint}"


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL)
