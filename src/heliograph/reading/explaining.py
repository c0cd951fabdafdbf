"""What the records of workflows mean: public calls that read them, and hand them to insight."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from heliograph.errors import WorkflowNotFoundError
from heliograph.graph.checks import checked_int_or_none
from heliograph.graph.identifiers import check_identifier
from heliograph.reading.opened import session

if TYPE_CHECKING:
    from heliograph.insight.comparison import Comparison
    from heliograph.insight.estimate import Estimate
    from heliograph.insight.exports.formats import Export
    from heliograph.insight.profile import Profile
    from heliograph.insight.table import Table
    from heliograph.insight.timeline import Timeline
    from heliograph.records.trace import Trace


@contextmanager
def much_is_made() -> Iterator[None]:
    """Pause the collector of cyclic garbage, while very many objects are made.

    It looks through all there is, again and again while that grows, and finds none: of the time that the
    profile of 200,000 tasks takes, it would be a third.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@much_is_made()
def profile(workflow_id: str, run: int | None = None) -> Profile:
    """Where the time of a workflow went: its critical path, its bottlenecks, what would make it faster.

    Args:
        workflow_id: the workflow. If it is still running, the profile ends now.
        run: the number of a run. None: the newest one.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: it has no such run.
        TypeError: `run` is not an int.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0.01), workflow_id="profile_example")
    >>> found = workflow.profile("profile_example")
    >>> [link.task_id for link in found.path], abs(found.parts.total + found.tail - found.wall) < 1e-6
    (['heliograph.graph.waits.sleep'], True)
    """
    from heliograph.insight.profile import profile as profiled

    return profiled(trace_of(workflow_id, facts=False, use=True), checked_int_or_none("run", run))


@much_is_made()
def timeline(workflow_id: str, run: int | None = None) -> Timeline:
    """What ran when in a workflow, and on which worker.

    Args:
        workflow_id: the workflow. If it is still running, the timeline ends now.
        run: the number of a run. None: the newest one.

    Raises:
        WorkflowNotFoundError, ValueError, TypeError: as for `profile`.
    """
    from heliograph.insight.timeline import timeline as drawn

    return drawn(trace_of(workflow_id, facts=False), checked_int_or_none("run", run))


@much_is_made()
def compare(a: str, b: str) -> Comparison:
    """What differs between two workflows: status, metadata, code, DAG; time, memory and reuse of each task.

    Args:
        a: the id of the first.
        b: the id of the second.

    Returns:
        The figures of both, and the differences. Tasks that failed in one of them only come first, then those
        whose times differ most.

    Raises:
        WorkflowNotFoundError: one of them does not exist.
    """
    from heliograph.insight.comparison import compare as compared

    return compared(trace_of(a, arguments=True), trace_of(b, arguments=True))


@much_is_made()
def estimate(workflow_id: str) -> Estimate:
    """How long a workflow will still take, with a range, estimated from earlier tasks of the same functions.

    For a workflow that no engine runs, this is the time that it will take once it is resumed.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
    """
    from heliograph.insight.estimate import estimate as estimated
    from heliograph.insight.extent import dotted_names

    trace = trace_of(workflow_id, facts=False)
    earlier = session().store.durations(trace.workflow.key, set(dotted_names(trace)), trace.now)
    return estimated(trace, earlier)


@much_is_made()
def export(workflow_id: str, format: str, run: int | None = None) -> Export:
    """Export a workflow in a format that other programs read.

    Args:
        workflow_id: the workflow.
        format: ``chrome`` (Perfetto), ``otlp`` (OpenTelemetry), ``openlineage``, ``ro-crate``, ``dot``,
            ``mermaid``, ``html``.
        run: the number of a run. None: the newest one, or all runs, if the format can hold several.

    Returns:
        The workflow as it was at this moment: ``.text``, or for formats of several files ``.files``; and
        ``.blocks()``, for what is too large for one text.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: there is no such format, or no such run.
        TypeError: `format` is not a str, or `run` is not an int.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0), workflow_id="export_example")
    >>> print(workflow.export("export_example", "mermaid").text.splitlines()[0])
    flowchart LR
    """
    from heliograph.insight.exports.formats import export as exported

    return exported(trace_of(workflow_id, outputs=True), format, checked_int_or_none("run", run))


@much_is_made()
def table(workflow_id: str, what: str = "tasks") -> Table:
    """The tasks of a workflow, or the attempts of all its runs, as a table for Arrow or pandas.

    Args:
        workflow_id: the workflow.
        what: ``tasks`` or ``attempts``.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: there is no such table.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0), workflow_id="table_example")
    >>> workflow.table("table_example").columns["status"] == ["SUCCESSFUL"]
    True
    """
    from heliograph.insight.rows import rows

    return rows(trace_of(workflow_id, outputs=what == "tasks"), what)


def sql(query: str, limit: int | None = None) -> Table:
    """Query the storage in SQL. Nothing can be changed by it.

    There are the views ``heliograph_workflows``, ``heliograph_runs``, ``heliograph_tasks``,
    ``heliograph_attempts``, ``heliograph_logs``, ``heliograph_metrics`` and ``heliograph_dependencies``;
    `sql_views` describes their columns.

    Args:
        query: one SELECT statement.
        limit: at most so many rows. None: all.

    Raises:
        ValueError: the query is wrong, or would change something.
        TypeError: the query is not a str, or the limit is not an int.

    >>> from heliograph import workflow
    >>> workflow.run(workflow.sleep(0), workflow_id="sql_example")
    >>> workflow.sql("select status from heliograph_workflows where workflow_id = 'sql_example'").rows
    [('SUCCESSFUL',)]
    """
    from heliograph.insight.table import Table

    if not isinstance(query, str):
        raise TypeError(f"an SQL query must be a str, not {query!r}")
    most = checked_int_or_none("limit", limit)
    names, found = session().store.sql(query, most)
    columns = zip(*found, strict=True) if found else [()] * len(names)
    return Table(dict(zip(names, columns, strict=True)), {})


def sql_views() -> dict[str, dict[str, Any]]:
    """The views for `sql`: for each, by its name, what a row means (``meaning``) and what its ``columns`` do.

    >>> from heliograph import workflow
    >>> workflow.sql_views()["heliograph_tasks"]["columns"]["status"]
    'how it stands'
    """
    from heliograph.storage.versions.views import VIEWS

    return {
        name: {
            "meaning": view.meaning,
            "columns": {column: meaning for column, (_, meaning) in view.columns.items()},
        }
        for name, view in VIEWS.items()
    }


def trace_of(
    workflow_id: str,
    *,
    outputs: bool = False,
    arguments: bool = False,
    facts: bool = True,
    use: bool = False,
) -> Trace:
    """All that happened in a workflow.

    Args:
        workflow_id: the workflow.
        outputs: with what is known of the stored outputs.
        arguments: with the hashes of the arguments.
        facts: with what tells no times: metadata, errors, CPU time.
        use: of these, at least with what tells whether attempts were at work: CPU time and the like.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
    """
    whose = check_identifier("workflow_id", workflow_id)
    trace = session().store.trace(whose, outputs=outputs, arguments=arguments, facts=facts, use=use)
    if trace is None:
        raise WorkflowNotFoundError(f"No such workflow_id {workflow_id!r}")
    return trace
