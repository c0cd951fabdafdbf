"""The script that a program began with, and what it is called where it was not imported by name."""

from __future__ import annotations

from typing import Final

MAIN: Final = "__main__"

CHILDS_MAIN: Final = "__mp_main__"
"""What multiprocessing calls it in a process of its own that it did not fork."""


def module_name(name: str) -> str:
    """A module's name, as the program that began with the script has it.

    >>> module_name("__mp_main__"), module_name("json")
    ('__main__', 'json')
    """
    return MAIN if name == CHILDS_MAIN else name
