"""Ids of workflows and tasks: which text may be one, and how one is made safe or unique."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 512

_UNSAFE = re.compile(r"[^\w.\-]", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def check_identifier(what: str, value: object) -> str:
    r"""The value, if it can be an id of a workflow or a task.

    Args:
        what: what the value is called, for the error.
        value: the id.

    Raises:
        TypeError: not a str.
        ValueError: empty, over 512 characters, or with control characters or lone surrogates.

    >>> check_identifier("workflow_id", "nightly 7")
    'nightly 7'
    >>> check_identifier("workflow_id", "a\x00b")
    Traceback (most recent call last):
    ...
    ValueError: workflow_id holds a control character at position 1: 'a\x00b'
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}: {value!r}")
    if not value:
        raise ValueError(f"{what} must not be empty")
    if len(value) > MAX_LENGTH:
        raise ValueError(
            f"{what} must have at most {MAX_LENGTH} characters, not {len(value)}: {value[:40]!r}…"
        )
    if value.isprintable():  # nearly all are, and this is known at once; what is not may still be an id
        return value
    if found := _CONTROL.search(value):
        raise ValueError(f"{what} holds a control character at position {found.start()}: {value!r}")
    if found := _SURROGATE.search(value):
        raise ValueError(f"{what} holds half a character at position {found.start()}: {value!r}")
    return value


def is_identifier(text: str) -> bool:
    """Whether text can be an id: see `check_identifier`."""
    try:
        return bool(check_identifier("id", text))
    except ValueError:
        return False


def safe_name(text: str) -> str:
    """Text made safe for a file name.

    >>> safe_name("__main__.make.<locals>.add")
    '__main__.make._locals_.add'
    """
    return _UNSAFE.sub("_", text)[:MAX_LENGTH]


class UniqueNames:
    """Hands out each name once: a name that is taken gets ``_1``, ``_2`` and so on.

    >>> names = UniqueNames()
    >>> [names.take(name) for name in ("f", "g", "f", "f", "f_1")]
    ['f', 'g', 'f_1', 'f_2', 'f_1_1']
    """

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def take(self, name: str) -> str:
        """The name itself, or the first free one made from it."""
        count = self._next.get(name)
        if count is None:
            self._next[name] = 1
            return name
        while (candidate := numbered(name, count)) in self._next:
            count += 1
        self._next[name] = count + 1
        self._next[candidate] = 1
        return candidate


def numbered(name: str, count: int) -> str:
    """A name with a number, no longer than an id may be.

    >>> numbered("f", 2)
    'f_2'
    """
    suffix = f"_{count}"
    return name[: MAX_LENGTH - len(suffix)] + suffix
