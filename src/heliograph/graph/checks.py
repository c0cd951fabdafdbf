"""Arguments of public calls, checked where they are given; each error names the argument.

To Python the text "no" is true, and True is an int: neither is what anybody means.
"""

from __future__ import annotations


def checked_flag(name: str, value: object) -> bool:
    """A flag, as a user gave it.

    Raises:
        TypeError: not a bool.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value


def checked_int(name: str, value: object) -> int:
    """A whole number, as a user gave it.

    Raises:
        TypeError: not an int.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    return value


def checked_int_or_none(name: str, value: object) -> int | None:
    """A whole number, or None.

    Raises:
        TypeError: neither.
    """
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise TypeError(f"{name} must be an int or None, not {value!r}")
    return value
