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
    """The workflows, or the tasks of all workflows, for which a condition holds; newest first.

    Args:
        where: a condition: ``'user_metadata.team = "blue" and stats.duration > 2min'``, or in Python
            ``(field("user_metadata.team") == "blue") & (field("stats.duration") > 120)``. None: all.
        order_by: a field; with ``-`` before it, the largest first. None: by submission, newest first.
        limit: at most so many.
        after: what an earlier answer to the same question gave as ``after``: the next page, whatever was
            stored in the meantime.
        tasks: search tasks, not workflows.

    Returns:
        ``found``: dicts as `get_metadata` gives them, those of tasks with their ``workflow_id``;
        ``truncated``, whether there are more, and then ``after``. It has ``.to_arrow()`` and
        ``.to_pandas()``.

    Raises:
        SearchError: there is no such field or operator, a value has a wrong type, or the text is not a
            condition; the message points at the character.
        TypeError, ValueError: the limit or `after` is not valid, or `tasks` is not a bool.

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
    """Count workflows, or the tasks of all workflows, in groups, with statistics of their numbers.

    Args:
        by: the fields to group by. None: all are one group.
        of: fields that hold numbers, of which statistics are made for each group.
        where: as for `search`.
        tasks: count tasks, not workflows.

    Returns:
        A dict for each group, the largest first: ``by``, a dict of its values by field (None where there is
        no value); ``count``; and for each field in `of` a dict of ``count``, ``sum``, ``min``, ``max``,
        ``mean``, ``p50``, ``p90``, ``p95`` and ``p99``.

    Raises:
        SearchError: as for `search`; or a field in `of` does not hold numbers.

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
    """Count workflows by the time of their submission, from the first that a condition holds for to the last.

    Args:
        where: as for `search`.
        parts: the number of parts, of equal length, that this time is divided into; fewer, if they would be
            shorter than a second.

    Returns:
        A dict for each part: ``begin`` and ``end`` in Unix seconds, ``count``, and how many ``failed``.

    Raises:
        SearchError: as for `search`.
        TypeError, ValueError: the number of parts is not valid.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0), workflow_id="over_time_example")
    >>> sum(part["count"] for part in over_time("workflow_id = over_time_example"))
    1
    """
    from heliograph.reading import questions

    asked_for, most = questions.condition(where, False), checked_limit(parts)
    return [asdict(part) for part in session().store.search.over_time(asked_for, most)]


def condition(text: str, *, tasks: bool = False) -> Condition:
    """A condition from its text, to be combined with others.

    Args:
        text: the condition, in the search language.
        tasks: it is a condition on tasks, not on workflows.

    Raises:
        SearchError: the text is not a condition; the message points at the character.

    >>> condition("runs > 1") & condition("status = FAILED")
    And(parts=(runs > 1, status = 'FAILED'))
    """
    from heliograph.reading import questions
    from heliograph.search.language import read

    found = questions.condition(text, checked_flag("tasks", tasks))
    return read(text) if found is None else found  # it says nothing, which is told here


def search_fields(*, tasks: bool = False) -> dict[str, str]:
    """The fields that can be searched, besides the keys of ``user_metadata``.

    Args:
        tasks: those of tasks, not of workflows.

    Returns:
        What each field holds, by its name.

    >>> search_fields()["status"], search_fields(tasks=True)["output.size"]
    ('a status', 'a number of bytes')
    """
    from heliograph.search.fields import TASK_FIELDS, WORKFLOW_FIELDS

    fields = TASK_FIELDS if checked_flag("tasks", tasks) else WORKFLOW_FIELDS
    return {name: kind.value for name, kind in fields.items()}


def field(name: str) -> Field:
    """A field, from which conditions are made: ``field("user_metadata.team") == "blue"``.

    Fields also have `is_in`, `exists`, `contains` and `startswith`. Conditions are combined with ``&``, ``|``
    and ``~``. A key with other characters than those of a name: ``field("user_metadata")["a.b"]``.

    Args:
        name: the name of the field, as in the search language.

    Raises:
        SearchError: it can't be a name.

    >>> (field("status") == "FAILED") & ~field("user_metadata.team").is_in(["red", "blue"])
    And(parts=(status = 'FAILED', Not(part=user_metadata.team in ('red', 'blue'))))
    """
    from heliograph.search import builder

    return builder.field(name)
