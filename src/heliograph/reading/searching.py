"""Searching all that is stored."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from heliograph.errors import SearchError
from heliograph.reading.opened import checked_limit, session
from heliograph.search.expressions import And, Comparison, Condition, Not, OneOf, Or, Value
from heliograph.search.fields import TASK_FIELDS, WORKFLOW_FIELDS, FieldAsked, FieldKind, asked, check
from heliograph.search.language import read, read_name

PAGE: Final = 50
"""What is found at once where nobody says how much."""


def search(
    where: Condition | str | None = None,
    order_by: str | None = None,
    limit: int = PAGE,
    after: str | None = None,
    *,
    tasks: bool = False,
) -> dict[str, Any]:
    """Workflows, or tasks of all workflows, for which a condition holds; the newest first.

    Args:
        where: a condition: ``'user_metadata.team = "blue" and stats.duration > 2min'``, or in Python
            ``(field("user_metadata.team") == "blue") & (field("stats.duration") > 120)``. None: all.
        order_by: a field; with ``-`` before it, the largest first. None: by submission, the newest first.
        limit: so many at most.
        after: what an earlier answer to the same question gave as ``after``: goes on behind it, whatever was
            stored meanwhile.
        tasks: search tasks.

    Returns:
        ``found``: dicts as `get_metadata` gives them, of tasks with their ``workflow_id``; whether more are
        there (``truncated``), then where to go on ``after``.

    Raises:
        SearchError: a field or an operator that there is not, a value of a wrong type, text that says no
            condition; it points at the character.
        TypeError, ValueError: a limit or an `after` that can't be.

    >>> from heliograph import workflow
    >>> @workflow.task
    ... def add(left: int, right: int) -> int:
    ...     return left + right
    >>> workflow.run(add.bind(1, 2), workflow_id="search_example", metadata={"team": "blue"})
    3
    >>> page = search('status = SUCCESSFUL and user_metadata.team = "blue"')
    >>> [found["workflow_id"] for found in page["found"]], page["truncated"]
    (['search_example'], False)
    """
    from heliograph.records.metadata import task_metadata, workflow_metadata
    from heliograph.storage.searching.pages import Order

    most, condition = checked_limit(limit), _condition(where, tasks)
    field, descending = _order(order_by, tasks)
    place, order = _place(after, tasks), Order(field, descending)
    opened = session()
    found: list[dict[str, Any]]
    if tasks:
        tasks_found = opened.store.search.tasks(condition, order, place, most + 1)
        places = [one[0] for one in tasks_found]
        found = [{"workflow_id": one[1], **task_metadata(one[2])} for one in tasks_found[:most]]
    else:
        workflows_found = opened.store.search.workflows(condition, order, place, most + 1)
        places = [one[0] for one in workflows_found]
        found = [workflow_metadata(one[1], opened.place) for one in workflows_found[:most]]
    truncated = len(places) > most
    return {
        "found": found,
        "truncated": truncated,
        **({"after": _cursor(places[most - 1])} if truncated else {}),
    }


def summarize(
    by: str | Sequence[str] = (),
    of: str | Sequence[str] = (),
    *,
    where: Condition | str | None = None,
    tasks: bool = False,
) -> list[dict[str, Any]]:
    """Workflows, or tasks of all workflows, counted by what they have in common.

    Args:
        by: fields whose values those of a group share; none: one group of all.
        of: fields of numbers, which are summed up for each group.
        where: as `search`.
        tasks: of tasks.

    Returns:
        A dict a group, the largest first: ``by``, a dict of values by field (None where there is no value);
        ``count``; and for each field of `of` a dict of ``count``, ``sum``, ``min``, ``max``, ``mean``,
        ``p50``, ``p90``, ``p95`` and ``p99``.

    Raises:
        SearchError: as `search`; a field of `of` that holds no numbers.

    >>> from heliograph import workflow
    >>> @workflow.task
    ... def add(left: int, right: int) -> int:
    ...     return left + right
    >>> workflow.run(add.bind(1, 2), workflow_id="summarize_example", metadata={"unit": "orders", "size": 7})
    3
    >>> summary = summarize(of="user_metadata.size", where='user_metadata.unit = "orders"')
    >>> summary[0]["count"], summary[0]["user_metadata.size"]["max"]
    (1, 7.0)
    """
    condition = _condition(where, tasks)
    names, numbers = _names(by), _names(of)
    by_fields = [asked(read_name(name), tasks) for name in names]
    of_fields = [asked(read_name(name), tasks) for name in numbers]
    for name, field in zip(numbers, of_fields, strict=True):
        if field.kind in (FieldKind.TEXT, FieldKind.STATUS):
            raise SearchError(f"{name} is {field.kind}: it has no sum")
    found = session().store.search.groups(condition, by_fields, of_fields, tasks)
    return [
        {
            "by": dict(zip(names, group.by, strict=True)),
            "count": group.count,
            **{name: dict(summary) for name, summary in zip(numbers, group.of, strict=True)},
        }
        for group in found
    ]


def condition(text: str, *, tasks: bool = False) -> Condition:
    """The condition that a text says, to be joined with others.

    Args:
        text: in the language of searches.
        tasks: of tasks.

    Raises:
        SearchError: it says none; it points at the character.

    >>> condition("runs > 1") & condition("status = FAILED")
    And(parts=(runs > 1, status = 'FAILED'))
    """
    found = _condition(text, tasks)
    return read(text) if found is None else found


def search_fields(*, tasks: bool = False) -> dict[str, str]:
    """What can be searched, besides the keys of ``user_metadata``.

    Args:
        tasks: of tasks.

    Returns:
        By name, what a field holds.

    >>> search_fields()["status"], search_fields(tasks=True)["output.size"]
    ('a status', 'a number')
    """
    return {name: kind.value for name, kind in (TASK_FIELDS if tasks else WORKFLOW_FIELDS).items()}


def _names(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _condition(where: Condition | str | None, tasks: bool) -> Condition | None:
    if where is None:
        return None
    text = None
    if isinstance(where, str):
        if not where.strip():
            return None
        text, where = where, read(where)
    elif not isinstance(where, Condition):
        raise TypeError(f"where must be a condition, or text that says one, not {where!r:.200}")
    check(where, tasks, text)
    return _timed(where, tasks, text)


def _timed(condition: Condition, tasks: bool, text: str | None) -> Condition:
    """The condition with times, where they were written as text, in Unix seconds."""
    match condition:
        case And(parts):
            return And(tuple(_timed(part, tasks, text) for part in parts))
        case Or(parts):
            return Or(tuple(_timed(part, tasks, text) for part in parts))
        case Not(part):
            return Not(_timed(part, tasks, text))
        case Comparison(name, _, value, at) if asked(name, tasks).kind is FieldKind.TIME:
            return replace(condition, value=_seconds(value, text, at))
        case OneOf(name, values, at) if asked(name, tasks).kind is FieldKind.TIME:
            return replace(condition, values=tuple(_seconds(value, text, at) for value in values))
    return condition


def _seconds(value: Value, text: str | None, at: int | None) -> Value:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        raise SearchError(f"{value!r} is no time: write 2026-11-24 or 2026-11-24T08:30", text, at) from None


def _order(order_by: str | None, tasks: bool) -> tuple[FieldAsked | None, bool]:
    if order_by is None:
        return None, True
    if not isinstance(order_by, str):
        raise TypeError(f"order_by must be the name of a field, not {order_by!r}")
    return asked(read_name(order_by.removeprefix("-")), tasks), order_by.startswith("-")


def _cursor(place: Any) -> str:
    text = json.dumps([list(place.key), place.value])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(after: str | None, tasks: bool) -> Any:
    from heliograph.storage.searching.pages import Place

    if after is None:
        return None
    try:
        padded = after + "=" * (-len(after) % 4)
        key, value = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        known = [int(part) for part in key]
        if len(known) != 1 + tasks or not (value is None or isinstance(value, str | int | float)):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"after must be what an earlier answer gave, not {after!r}") from None
    return Place(tuple(known), value)
