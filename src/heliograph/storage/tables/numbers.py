"""Numbers by which the rows of a workflow name each other, and from which is counted on."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Iterable, Sequence
from typing import Final

from heliograph.storage.tables.soundness import UnsoundError

MOST_COUNTED: Final = 2**31 - 1
"""As far as PostgreSQL's columns count; nobody runs or tries anything so often."""


def check_numbers(
    key: int,
    tasks: int,
    functions: int,
    *,
    calls: Sequence[int],
    earlier: Iterable[Sequence[int | None]],
    needs: tuple[Sequence[int], Sequence[int]],
    named: Iterable[Sequence[int]],
) -> None:
    """What the rows of a workflow say of each other has to be so: following them comes to an end.

    Args:
        key: of the workflow.
        tasks: how many there are.
        functions: how many there are.
        calls: numbers of functions.
        earlier: columns of tasks, which name others that were there before them.
        needs: tasks, and those before them that they need, pair by pair.
        named: columns of numbers of tasks.

    Raises:
        UnsoundError: it is not.
    """
    needing, needed = needs
    is_sound = (
        _are_within(functions, calls)
        and all(_are_within(tasks, column) for column in (*named, needing, needed))
        and all(map(operator.lt, needed, needing))
        and all(
            column.count(None) == len(column)
            or all(before is None or 0 <= before < task for task, before in enumerate(column))
            for column in earlier
        )
    )
    if not is_sound:
        raise UnsoundError("tasks", "tasks name others that are not there", key)


def _are_within(count: int, column: Sequence[int]) -> bool:
    return not column or (min(column) >= 0 and max(column) < count)


def counted_so_far(number: object, table: str, column: str, key: int) -> int:
    """A number from which is counted on, if there may be one behind it.

    Raises:
        UnsoundError: nobody counted so far.
    """
    if not isinstance(number, int) or not 0 <= number < MOST_COUNTED:
        raise UnsoundError(table, f"{column} is {reprlib.repr(number)}", key)
    return number
