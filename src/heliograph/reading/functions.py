"""How functions do over time: public calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from heliograph.errors import WorkflowNotFoundError
from heliograph.reading.opened import checked_limit, session

if TYPE_CHECKING:
    from heliograph.insight.trend import Trend

WORKFLOWS: Final = 60
"""So many workflows that have the function are looked at, where nobody says how many."""


def trend(function: str, limit: int = WORKFLOWS) -> Trend:
    """A function over time: how long it took, its memory and failures by workflow, and what got worse.

    Args:
        function: its dotted name, as ``package.module.name``.
        limit: at most so many workflows, the newest ones that ran it; at most 1,000 attempts of each.

    Raises:
        WorkflowNotFoundError: no workflow has run it.
        TypeError, ValueError: the name or the limit is not valid.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0.01), workflow_id="trend_example")
    >>> found = workflow.trend("heliograph.graph.waits.sleep")
    >>> found.runs[-1].workflow_id, found.runs[-1].attempts, found.compute
    ('trend_example', 1, None)
    """
    from heliograph.insight.trend import function_run
    from heliograph.insight.trend import trend as told

    if not isinstance(function, str):
        raise TypeError(f"function must be a dotted name, not {function!r}")
    if "." not in function.strip("."):
        raise ValueError(f"function must be a dotted name, as package.module.name, not {function!r}")
    runs = session().store.function_runs.of(function, checked_limit(limit))
    if not runs:
        raise WorkflowNotFoundError(f"no workflow has run a function {function!r}")
    return told(
        function,
        [
            function_run(run.workflow_id, run.created_time, run.failed, run.compute, run.peak_rss)
            for run in runs
        ],
    )


def functions(limit: int = 1000, after: str | None = None) -> list[str]:
    """The dotted names of the functions of all stored workflows, in alphabetical order.

    Where several modules have a function of the same name, only those are listed that one of the newest 200
    workflows with such a function has.

    Args:
        limit: at most so many.
        after: only names behind this one: the next page.

    Raises:
        TypeError, ValueError: the limit is not valid.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0.01), workflow_id="functions_example")
    >>> "heliograph.graph.waits.sleep" in workflow.functions()
    True
    """
    found = session().store.function_runs.names()
    return [name for name in found if after is None or name > after][: checked_limit(limit)]
