"""What is remembered by what it was made from."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def by_identity(most: int) -> Callable[[Callable[[Given], Made]], Callable[[Given], Made]]:
    """Decorates a function of one argument: what it made of an object is remembered by the object's identity.

    For objects that would take as long to be compared as what is made of them takes to be made.

    Args:
        most: of so many objects; with one more, all are forgotten.
    """

    def remembering(make: Callable[[Given], Made]) -> Callable[[Given], Made]:
        known: dict[int, tuple[Given, Made]] = {}

        @functools.wraps(make)
        def remembered(given: Given) -> Made:
            found = known.get(id(given))
            if found is None:
                if len(known) >= most:
                    known.clear()
                found = known[id(given)] = given, make(given)  # it is held here, so that its id stays its own
            return found[1]

        return remembered

    return remembering
