"""Answers that come in pages, gone through from the first to the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from heliograph import workflow

_PAGE: Final = 1000


class _Reading(Protocol):
    def __call__(
        self, workflow_id: str, task_id: str | None, *, limit: int, after: int | None
    ) -> list[dict[str, Any]]: ...


def all_said(read: _Reading, workflow_id: str, task_id: str | None) -> Iterator[dict[str, Any]]:
    """All that tasks said, in order.

    Args:
        read: `workflow.get_logs` or `get_metrics`.
        workflow_id: the workflow.
        task_id: of this task only.
    """
    after = None
    while page := read(workflow_id, task_id, limit=_PAGE, after=after):
        yield from page
        after = page[-1]["number"]


def pages(wanted: Any) -> Iterator[dict[str, Any]]:
    """All workflows that a search finds, in what `workflow.search` returns of some at a time.

    Args:
        wanted: the condition.
    """
    after, truncated = None, True
    while truncated:
        page = workflow.search(wanted, limit=_PAGE, after=after)
        yield page
        after, truncated = page.get("after"), page["truncated"]
