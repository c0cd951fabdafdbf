"""All that was ever tried of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliograph.reading.opened import MOST, checked_limit, session

if TYPE_CHECKING:
    from heliograph.insight.answers import Page, Rows

PAGE: Final = 1000
_BEFORE_ALL: Final = (-1, 0)


def history(workflow_id: str, *, limit: int = PAGE, after: str | None = None) -> Page:
    """The runs of a workflow, and the attempts of its tasks in all of these runs.

    Args:
        workflow_id: the workflow.
        limit: at most so many attempts.
        after: what an earlier answer gave as ``after``: the next page.

    Returns:
        ``workflow_id``; ``runs``, each as `get_history` gives it; ``attempts``, each with its ``task_id``,
        ordered by task and number; ``truncated``, whether there are more attempts, and then ``after``.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        TypeError, ValueError: the limit or `after` is not valid.
    """
    from heliograph.insight.answers import Page
    from heliograph.records.metadata import attempt_metadata, run_metadata

    most, place = checked_limit(limit), _BEFORE_ALL if after is None else _place(after)
    opened = session()
    store, record = opened.store, opened.found(workflow_id)
    attempts = store.queries.attempts(record, place, most + 1)
    here = attempts[:most]
    truncated = len(attempts) > len(here)
    answer = {
        "workflow_id": workflow_id,
        "runs": [run_metadata(run) for run in store.queries.runs(record.key)],
        "attempts": [
            {"task_id": tried.task_id, **attempt_metadata(tried.attempt, tried.before)} for tried in here
        ],
        "truncated": truncated,
        **({"after": f"{here[-1].task}.{here[-1].attempt.attempt}"} if truncated else {}),
    }
    return Page(answer)


def get_history(workflow_id: str) -> Rows:
    """The runs of a workflow, oldest first: one for its start, and one for each resume.

    `history` gives their attempts too.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
    """
    from heliograph.insight.answers import Rows
    from heliograph.records.metadata import run_metadata

    opened = session()
    return Rows(run_metadata(run) for run in opened.store.queries.runs(opened.found(workflow_id).key))


def _place(after: object) -> tuple[int, int]:
    if isinstance(after, str):
        task, _, attempt = after.partition(".")
        are_numbers = task.isascii() and task.isdigit() and attempt.isascii() and attempt.isdigit()
        if are_numbers and max(len(task), len(attempt)) < len(str(MOST)):
            return int(task), int(attempt)
    raise ValueError(f"after must be what an earlier answer gave, not {after!r}")
