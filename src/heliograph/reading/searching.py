"""Searching all that is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from heliograph.graph.checks import checked_flag
from heliograph.reading.late import late
from heliograph.reading.opened import checked_limit, session

if TYPE_CHECKING:
    from heliograph.insight.answers import Page, Rows
    from heliograph.search.builder import Field
    from heliograph.search.expressions import Condition

PAGE: Final = 50
"""What is found at once where nobody says how much."""


def search(
    where: Condition | str | None = None,
    order_by: str | None = None,
    limit: int = PAGE,
    after: str | None = None,
    *,
    tasks: bool = False,
) -> Page:
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
        there (``truncated``), then where to go on ``after``. With ``.to_arrow()`` and ``.to_pandas()``.

    Raises:
        SearchError: a field or an operator that there is not, a value of a wrong type, text that says no
            condition; it points at the character.
        TypeError, ValueError: a limit or an `after` that can't be; `tasks` that is not a bool.

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
    return _page(where, order_by, limit, after, tasks)


@late
def _page() -> Callable[[Condition | str | None, str | None, int, str | None, bool], Page]:
    from heliograph.reading.pages import page

    return page


def summarize(
    by: str | Sequence[str] = (),
    of: str | Sequence[str] = (),
    *,
    where: Condition | str | None = None,
    tasks: bool = False,
) -> Rows:
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
    from heliograph.insight.answers import Rows
    from heliograph.reading import questions

    checked_flag("tasks", tasks)
    asked_for = questions.condition(where, tasks)
    names, numbers = questions.names(by), questions.names(of)
    by_fields, of_fields = questions.fields(names, tasks), questions.numbers(numbers, tasks)
    found = session().store.search.groups(asked_for, by_fields, of_fields, tasks)
    return Rows(
        {
            "by": dict(zip(names, group.by, strict=True)),
            "count": group.count,
            **{name: dict(summary) for name, summary in zip(numbers, group.of, strict=True)},
        }
        for group in found
    )


def over_time(where: Condition | str | None = None, parts: int = 60) -> list[dict[str, Any]]:
    """Workflows counted by when they were submitted, from the first to the last that a condition holds for.

    Args:
        where: as `search`.
        parts: into how many parts of equal length that time is divided; fewer, if they were shorter than a
            second.

    Returns:
        A dict a part: ``begin`` and ``end`` in Unix seconds, ``count``, and how many of those ``failed``.

    Raises:
        SearchError: as `search`.
        TypeError, ValueError: a number of parts that can't be.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0), workflow_id="over_time_example")
    >>> sum(part["count"] for part in over_time("workflow_id = over_time_example"))
    1
    """
    from heliograph.reading import questions

    asked_for, most = questions.condition(where, False), checked_limit(parts)
    return [asdict(part) for part in session().store.search.over_time(asked_for, most)]


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
    from heliograph.reading import questions
    from heliograph.search.language import read

    found = questions.condition(text, checked_flag("tasks", tasks))
    return read(text) if found is None else found  # it says nothing, which is told here


def search_fields(*, tasks: bool = False) -> dict[str, str]:
    """What can be searched, besides the keys of ``user_metadata``.

    Args:
        tasks: of tasks.

    Returns:
        By name, what a field holds.

    >>> search_fields()["status"], search_fields(tasks=True)["output.size"]
    ('a status', 'a number of bytes')
    """
    from heliograph.search.fields import TASK_FIELDS, WORKFLOW_FIELDS

    fields = TASK_FIELDS if checked_flag("tasks", tasks) else WORKFLOW_FIELDS
    return {name: kind.value for name, kind in fields.items()}


def field(name: str) -> Field:
    """A field, to be compared: ``field("user_metadata.team") == "blue"``.

    Conditions are joined by ``&``, ``|`` and ``~``; fields also have `is_in`, `exists`, `contains` and
    `startswith`. ``field("user_metadata")["a.b"]`` is a key with any characters.

    Args:
        name: of the field, as in the language of searches.

    Raises:
        SearchError: that is no name.

    >>> (field("status") == "FAILED") & ~field("user_metadata.team").is_in(["red", "blue"])
    And(parts=(status = 'FAILED', Not(part=user_metadata.team in ('red', 'blue'))))
    """
    from heliograph.search import builder

    return builder.field(name)
