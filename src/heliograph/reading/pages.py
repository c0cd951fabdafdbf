"""Pages of what a search finds."""

from __future__ import annotations

from typing import Any

from heliograph.graph.checks import checked_flag
from heliograph.insight.answers import Page
from heliograph.reading import questions
from heliograph.reading.opened import checked_limit, session
from heliograph.records.metadata import task_metadata, workflow_metadata
from heliograph.search.expressions import Condition
from heliograph.storage.searching.places import Order


def page(
    where: Condition | str | None, order_by: str | None, limit: int, after: str | None, tasks: bool
) -> Page:
    """One; see `searching.search`."""
    checked_flag("tasks", tasks)
    most, asked_for = checked_limit(limit), questions.condition(where, tasks)
    place, order = questions.place(after, tasks), Order(*questions.order(order_by, tasks))
    opened = session()
    found: list[dict[str, Any]]
    if tasks:
        tasks_found = opened.store.search.tasks(asked_for, order, place, most + 1)
        places = [one[0] for one in tasks_found]
        found = [{"workflow_id": one[1], **task_metadata(one[2])} for one in tasks_found[:most]]
    else:
        workflows_found = opened.store.search.workflows(asked_for, order, place, most + 1)
        places = [one[0] for one in workflows_found]
        storage = opened.place
        found = [workflow_metadata(one[1], storage) for one in workflows_found[:most]]
    truncated = len(places) > most
    answer = {
        "found": found,
        "truncated": truncated,
        **({"after": questions.cursor(places[most - 1])} if truncated else {}),
    }
    return Page(answer)
