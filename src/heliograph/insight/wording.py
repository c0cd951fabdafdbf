"""Numbers and names of types as people read them, and text that is safe to look at."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Final

from heliograph.records import type_names

NOTHING: Final = "-"


def duration(seconds: float | None) -> str:
    """Seconds for people.

    >>> [duration(given) for given in (0.0000004, 0.0123, 0.5, 8.312, 245, 11520, 187200, None)]
    ['0 µs', '12 ms', '500 ms', '8.31 s', '4 min 05 s', '3 h 12 min', '2 d 4 h', '-']
    >>> duration(-1.25)  # to now, of what began on a machine whose clock is ahead
    '-1.25 s'
    """
    if seconds is None:
        return NOTHING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.000_999_5:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.009_95:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 0.999_5:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def size(count: int | None) -> str:
    """Bytes for people, in powers of 1000.

    >>> [size(given) for given in (0, 999, 2342, 61_000_000, 1_250_000_000, None)]
    ['0 B', '999 B', '2.3 kB', '61 MB', '1.2 GB', '-']
    """
    if count is None:
        return NOTHING
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def counted(number: int, of: str) -> str:
    """How many there are of something.

    >>> counted(1, "task"), counted(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{number} {of}{'' if number == 1 else 's'}"


def text_of(value: Any) -> str:
    """A value of JSON in one line.

    >>> text_of("blue"), text_of(["é", None])
    ('blue', '["é", null]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def type_name(stored: str) -> str:
    """A type, by the name that its users know it by.

    >>> type_name("builtins.OSError")
    'OSError'
    """
    return type_names.said(stored)


def visible(text: str) -> str:
    r"""Text with what no page may hold, or would turn lines round, as Python writes it.

    Blanks of all widths stay: they part words in many languages, and thousands in numbers.

    >>> visible("a\x1b[31m\u202eb"), visible("two\nlines"), visible("1\u202f000") == "1\u202f000"
    ('a\\x1b[31m\\u202eb', 'two\nlines', True)
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_visible(letter) else _written(letter) for letter in text)


def _is_visible(letter: str) -> bool:
    return letter.isprintable() or letter in "\n\t" or unicodedata.category(letter) == "Zs"


def _written(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode()
