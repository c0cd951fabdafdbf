"""Arguments of public calls, checked where they are given; each error names the argument.

To Python the text "no" is true, and True is an int: neither is what anybody means.
"""

from __future__ import annotations

from typing import Final

_SHOWN: Final = 200  # characters


def checked_flag(name: str, value: object) -> bool:
    """A flag, as a user gave it.

    Raises:
        TypeError: not a bool.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return value


def checked_int(name: str, value: object) -> int:
    """A whole number, as a user gave it.

    Raises:
        TypeError: not an int.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {shown(value)}")
    return value


def checked_int_or_none(name: str, value: object) -> int | None:
    """A whole number, or None.

    Raises:
        TypeError: neither.
    """
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise TypeError(f"{name} must be an int or None, not {shown(value)}")
    return value


def checked_number(name: str, value: int | None, least: int) -> int | None:
    """A limit; None where there is none."""
    number = checked_int_or_none(name, value)
    if number is None or number == -1:
        return None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, or -1 for no limit, not {number}")
    return number


def checked_seconds(name: str, value: float, least: float = 0.0) -> float:
    """A length of time; it may be infinite.

    Raises:
        TypeError: not a number.
        ValueError: less than the least, not a number by its value (nan), or too large for a float.

    >>> checked_seconds("grace", 20)
    20.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {shown(value)}")
    try:
        seconds = float(value)
    except OverflowError:
        raise ValueError(f"{name} is an int too large for a number of seconds") from None
    if not seconds >= least:  # so that nan is refused too
        raise ValueError(f"{name} must be {least:.0f} s or more, not {shown(value)}")
    return seconds


def shown(value: object) -> str:
    """A value as an error tells of it: not all of what is long, and without what its own code raises."""
    try:
        text = repr(value)
    except Exception:  # it is anybody's code, and nested too deep it fails as well
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
