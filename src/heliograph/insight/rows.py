"""Tasks and attempts of a workflow as tables, with names instead of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, get_type_hints

from heliograph.insight.extent import dotted_names
from heliograph.insight.table import Table, kind_of
from heliograph.records.attempt import Phases
from heliograph.records.metadata import durations
from heliograph.records.trace import AttemptColumns, Trace

TABLES: Final = ("tasks", "attempts")


def rows(trace: Trace, what: str) -> Table:
    """A workflow's tasks, or its attempts of all runs.

    Args:
        trace: the workflow, with its outputs.
        what: ``tasks`` or ``attempts``.

    Raises:
        ValueError: anything else.
    """
    match what:
        case "tasks":
            return _tasks(trace)
        case "attempts":
            return _attempts(trace)
        case _:
            raise ValueError(f"there is no table {what!r} of a workflow; there are {', '.join(TABLES)}")


def durations_of(attempts: Mapping[str, Sequence[Any]], at: int) -> dict[str, float]:
    """Seconds from phase to phase of an attempt, as `get_metadata` has them.

    Args:
        attempts: the columns of a table of attempts.
        at: the attempt's place in them.
    """
    phases = Phases._make(attempts[name][at] for name in Phases._fields)
    return durations(phases, attempts["backoff"][at])


def _tasks(trace: Trace) -> Table:
    of, names = trace.tasks, dotted_names(trace)
    sizes = dict(zip(trace.outputs.task, trace.outputs.size, strict=True))
    kinds = dict(zip(trace.outputs.task, trace.outputs.kind, strict=True))
    count = range(len(of))
    return Table(
        {
            "task_id": of.task_id,
            "function": [names[function] for function in of.function],
            "status": of.status,
            "task_options": of.options,
            "user_metadata": of.user_metadata,
            "workflow_refs": [[of.task_id[need] for need in upstream] for upstream in of.upstream],
            "reused_in": of.reused_in,
            "creator": [None if creator is None else of.task_id[creator] for creator in of.creator],
            "output_type": [kinds.get(task) for task in count],
            "output_size": [sizes.get(task) for task in count],
        },
        {
            **dict.fromkeys(("task_id", "function", "status", "task_options", "user_metadata"), str),
            **dict.fromkeys(("workflow_refs", "creator", "output_type"), str),
            **dict.fromkeys(("reused_in", "output_size"), int),
        },
    )


def _attempts(trace: Trace) -> Table:
    of = trace.attempts
    own = [field.name for field in fields(AttemptColumns) if field.name != "task"]
    hints = get_type_hints(AttemptColumns)
    kinds = {name: kind_of(hints[name].__args__[0]) for name in own}
    return Table(
        {
            "task_id": [trace.tasks.task_id[task] for task in of.task],
            **{name: getattr(of, name) for name in own},
        },
        {"task_id": str, **kinds},
    )
