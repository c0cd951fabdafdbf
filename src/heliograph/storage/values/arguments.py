"""Arguments as they are stored: written by whoever hands a plan in, before anybody waits in a transaction."""

from __future__ import annotations

import functools
import uuid
from dataclasses import replace
from typing import Final

from heliograph.graph.plan import Plan
from heliograph.records.attempt import Pickled
from heliograph.storage.values.value_store import ValueStore
from heliograph.storage.values.writing import INLINE_LIMIT

STAGED_SECONDS: Final = 300.0
"""A submission that is older than this when it is to be stored is refused: its arguments may be gone.

`heliograph gc` takes folders for garbage that no row names and that are older than twice that, at least.
"""
_STAGED: Final = "submitted-"


def place_arguments(
    plan: Plan, values: ValueStore, folder: str | None = None
) -> tuple[Plan, tuple[Pickled, ...], str | None]:
    """The plan without large arguments; its arguments, by task; the folder of large ones, if there are any.

    Args:
        plan: what was captured.
        values: where large ones go.
        folder: the part of the store; None, for a workflow that has no key yet: one that stays theirs.

    Raises:
        StorageError: they can't be written.
    """
    if max([len(planned.arguments) for planned in plan.tasks]) <= INLINE_LIMIT:
        return plan, tuple([planned.arguments for planned in plan.tasks]), None
    part = folder or f"{_STAGED}{uuid.uuid4().hex}"
    put = functools.cache(lambda data: values.put(data, part))  # the same for many tasks is written once
    placed = tuple(
        [
            planned.arguments if len(planned.arguments) <= INLINE_LIMIT else put(planned.arguments)
            for planned in plan.tasks
        ]
    )
    tasks = [
        planned if isinstance(value, bytes) else replace(planned, arguments=b"")
        for planned, value in zip(plan.tasks, placed, strict=True)
    ]
    return replace(plan, tasks=tuple(tasks)), placed, part


def is_staged(folder: str) -> bool:
    """Whether it is a folder of arguments that were written before their workflow had a key.

    >>> is_staged("submitted-0123456789abcdef0123456789abcdef"), is_staged("17"), is_staged("")
    (True, False, False)
    """
    return folder.startswith(_STAGED) and folder.removeprefix(_STAGED).isalnum()
