"""Reads of all that happened in a workflow at once, in columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields
from typing import Any, Final

from heliograph.records.metadata import shown_options
from heliograph.records.status import LEFT_ATTEMPT, LEFT_TASK, AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.trace import FACTS, USE, AttemptColumns, OutputColumns, TaskColumns, Trace
from heliograph.records.workflow import FunctionRecord
from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.questions.queries import Queries
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.numbers import check_numbers
from heliograph.storage.tables.soundness import UnsoundError, is_json

_TASK_STATUS = {status.value: status for status in TaskStatus}
_ATTEMPT_STATUS = {status.value: status for status in AttemptStatus}
_LEFT_TASK = {status.value: LEFT_TASK.get(status, status) for status in TaskStatus}
_LEFT_ATTEMPT = {status.value: LEFT_ATTEMPT.get(status, status) for status in AttemptStatus}
_RECURRING: Final = frozenset(
    (
        "status",
        "options",
        "user_metadata",
        "created",
        "host",
        "worker_id",
        "error_type",
        "error_message",
        "kind",
    )
)
"""Columns of which many rows have the same value."""


def trace(
    database: Database,
    queries: Queries,
    clock: Callable[[], float],
    workflow_id: str,
    *,
    outputs: bool,
    arguments: bool,
    facts: bool,
    use: bool,
) -> Trace | None:
    """All that happened in a workflow; None: there is none of this id.

    Args:
        database: where it is stored.
        queries: reads workflows and runs there.
        clock: gives Unix seconds.
        workflow_id: the workflow.
        outputs: read what is known of the stored outputs, too.
        arguments: read the hashes of the arguments, too.
        facts: read what tells no times, too. Else those columns are empty.
        use: of these, read at least what tells whether attempts were at work.
    """
    read = statements(database.kind, "traces")
    with database.snapshot() as connection:
        workflow = queries.workflow_in(connection, workflow_id)
        if workflow is None:
            return None
        of = {"of_workflow": workflow.key}
        runs = queries.runs_in(connection, workflow.key)
        functions = read.functions.ask(connection, **of).plain()
        asked = read.tasks if facts else read.task_times
        tasks = asked.ask(connection, **of).columns(_task_names(facts), _RECURRING)
        needs = read.needs.ask(connection, **of).columns(("task", "upstream"))
        unread = frozenset[str]() if facts else FACTS - USE if use else FACTS
        asked = read.attempts if facts else read.attempt_use if use else read.attempt_times
        attempts = asked.ask(connection, **of).columns(_attempt_names(unread), _RECURRING)
        stored = (
            read.outputs.ask(connection, **of).columns(_names(OutputColumns), _RECURRING)
            if outputs
            else dict[str, list[Any]].fromkeys(_names(OutputColumns), [])
        )
        given = (
            read.arguments.ask(connection, **of).columns(("task", "sha256"))
            if arguments
            else dict[str, list[Any]](task=[], sha256=[])
        )
        check_numbers(
            workflow.key,
            len(tasks["task_id"]),
            len(functions),
            calls=tasks["function"],
            earlier=[tasks[name] for name in ("creator", "frame", "delivers_to")],
            needs=(needs["task"], needs["upstream"]),
            named=([workflow.output_task], attempts["task"], stored["task"], given["task"]),
        )
        for text in {workflow.user_metadata, *tasks.get("user_metadata", ())}:
            if not is_json(text, "object"):
                raise UnsoundError("tasks", f"user_metadata is {text[:100]!r}", workflow.key)
        # A continuation may bring a function anew that is pickled otherwise there: it is the same one.
        first: dict[tuple[Any, ...], int] = {}
        same = [first.setdefault(tuple(row), number) for number, row in enumerate(functions)]
        if len(first) < len(same):
            tasks["function"] = [same[number] for number in tasks["function"]]
        is_left = workflow.status is WorkflowStatus.RESUMABLE
        return Trace(
            workflow,
            tuple(runs),
            tuple(FunctionRecord(*row) for row in functions),
            _task_columns(tasks, needs, _LEFT_TASK if is_left else _TASK_STATUS),
            _attempt_columns(attempts, _LEFT_ATTEMPT if is_left else _ATTEMPT_STATUS),
            OutputColumns(**stored),
            dict(zip(given["task"], given["sha256"], strict=True)),
            clock(),
        )


def _names(record: type) -> list[str]:
    return [field.name for field in fields(record)]


def _task_names(facts: bool) -> list[str]:
    return [name for name in _names(TaskColumns) if name != "upstream" and (facts or name not in FACTS)]


def _attempt_names(unread: Set[str]) -> list[str]:
    return [name for name in _names(AttemptColumns) if name not in unread]


def _task_columns(
    columns: dict[str, list[Any]], needs: Mapping[str, list[int]], statuses: Mapping[str, TaskStatus]
) -> TaskColumns:
    columns["status"] = [statuses[status] for status in columns["status"]]
    whole = {options: shown_options(rows.whole_options(options)) for options in set(columns["options"])}
    columns["options"] = [whole[options] for options in columns["options"]]
    needed, counts, since = needs["upstream"], Counter(needs["task"]), 0
    upstream: list[Sequence[int]] = []
    for task in range(len(columns["task_id"])):  # both are ordered by task
        until = since + counts.get(task, 0)
        upstream.append(tuple(needed[since:until]))
        since = until
    return TaskColumns(**_complete(TaskColumns, columns | {"upstream": upstream}))


def _attempt_columns(columns: dict[str, list[Any]], statuses: Mapping[str, AttemptStatus]) -> AttemptColumns:
    columns["status"] = [statuses[status] for status in columns["status"]]
    return AttemptColumns(**_complete(AttemptColumns, columns))


def _complete(record: type, columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """With a column that is empty for each that was not read."""
    return {name: columns.get(name, ()) for name in _names(record)}
