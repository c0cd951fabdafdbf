"""Functions whose modules are imported when they are first called.

A module that only defines tasks, and a worker, wait for none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

Given = TypeVarTuple("Given")
Answer = TypeVar("Answer")


def late(imported: Callable[[], Callable[[*Given], Answer]]) -> Callable[[*Given], Answer]:
    """Decorates what imports a function: it is that function.

    It is imported once: to import again what is there takes as long as the calls that it is for.
    """
    function: Callable[[*Given], Answer] | None = None

    def called(*given: *Given) -> Answer:
        nonlocal function
        if function is None:
            function = imported()
        return function(*given)

    return called
