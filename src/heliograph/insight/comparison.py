"""What differs between two workflows; usually the same DAG on another day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from heliograph.insight.extent import dotted_names, run_extent, took
from heliograph.insight.named import Named, known
from heliograph.insight.table import Table, Tabular, table_of
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.records.trace import Trace

Number = TypeVar("Number", int, float)


class Difference(NamedTuple):
    """Something that differs between the two sides.

    Attributes:
        name: what differs.
        a: its value in the first workflow. None: it is not there.
        b: its value in the second workflow, likewise.
    """

    name: str
    a: Any
    b: Any

    def to_dict(self) -> dict[str, Any]:
        """As a dict, without the side on which it is not there."""
        return known(self._asdict())


@dataclass(frozen=True, slots=True)
class Side(Named):
    """The figures of one of the two workflows, as of its newest run.

    Attributes:
        workflow_id: its id.
        name: the function of the task that gives its output.
        status: its status.
        run: the number of its newest run.
        wall: seconds that this run took, or has taken so far.
        tasks: the number of its tasks.
        reused: how many of them this run took from checkpoints.
        attempts: the number of attempts in all runs.
        cpu_time: CPU seconds of all attempts.
        peak_rss: the largest resident memory of an attempt, in bytes. None: not known.
    """

    workflow_id: str
    name: str
    status: WorkflowStatus
    run: int
    wall: float
    tasks: int
    reused: int
    attempts: int
    cpu_time: float
    peak_rss: int | None


class TaskSide(NamedTuple):
    """A task in one of the two workflows, as of its last attempt.

    Attributes:
        status: the status of the task.
        took: seconds from the moment a worker had it until it was stored. None: it was not run.
        cpu_time: its CPU seconds. None: not known.
        peak_rss: its largest resident memory, in bytes. None: not known.
        attempts: the number of its attempts.
        reused: whether the newest run took it from its checkpoint.
    """

    status: TaskStatus
    took: float | None
    cpu_time: float | None
    peak_rss: int | None
    attempts: int
    reused: bool


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """A task that both workflows have.

    Attributes:
        task_id: the task.
        a: the task in the first workflow.
        b: the task in the second workflow.
        differences: differences of its options, user metadata, function and upstream tasks.
    """

    task_id: str
    a: TaskSide
    b: TaskSide
    differences: tuple[Difference, ...]

    @property
    def slower(self) -> float:
        """Seconds that it took longer in the second workflow. Negative: it was faster there. 0: not known."""
        return _gain(self.a.took, self.b.took) or 0.0

    @property
    def larger(self) -> int:
        """Bytes of memory that it took more in the second workflow. 0: not known."""
        return _gain(self.a.peak_rss, self.b.peak_rss) or 0

    def to_dict(self) -> dict[str, Any]:
        """As a dict that can be written as JSON, without what is not known."""
        told = {
            "task_id": self.task_id,
            "a": known(self.a._asdict()),
            "b": known(self.b._asdict()),
            "slower": _gain(self.a.took, self.b.took),
            "larger": _gain(self.a.peak_rss, self.b.peak_rss),
            "differences": [difference.to_dict() for difference in self.differences],
        }
        return known(told)


def _gain(a: Number | None, b: Number | None) -> Number | None:
    """How much more it is on the second side; None: not known."""
    return None if a is None or b is None else b - a


@dataclass(frozen=True, slots=True)
class Comparison(Named, Tabular):
    """Two workflows side by side.

    Attributes:
        a: the figures of the first workflow.
        b: the figures of the second workflow.
        user_metadata: keys of the user metadata that differ.
        code: differences of the program, its commit, and the versions it ran with.
        functions: functions whose source differs (by a hash of its text), or that only one of them has.
        only_a: ids of the tasks that only the first workflow has.
        only_b: ids of the tasks that only the second workflow has.
        arguments: ids of the tasks that take outputs of the same tasks, but have other arguments besides, as
            these were pickled.
        tasks: the tasks that both have. Those that failed in one workflow only come first, then those whose
            times differ most.
    """

    a: Side
    b: Side
    user_metadata: tuple[Difference, ...]
    code: tuple[Difference, ...]
    functions: tuple[Difference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    arguments: tuple[str, ...]
    tasks: tuple[TaskComparison, ...]

    @property
    def table(self) -> Table:
        """The tasks that both have, as a table; columns of the two sides end in ``_a`` and ``_b``."""
        columns: dict[str, list[Any]] = {"task_id": [task.task_id for task in self.tasks]}
        kinds: dict[str, type] = {"task_id": str}
        for side in ("a", "b"):
            whole = table_of(TaskSide, [getattr(task, side) for task in self.tasks])
            columns |= {f"{name}_{side}": list(values) for name, values in whole.columns.items()}
            kinds |= {f"{name}_{side}": kind for name, kind in whole.kinds.items()}
        return Table(columns, kinds)


def compare(a: Trace, b: Trace) -> Comparison:
    """What differs between two workflows."""
    in_a = {task_id: number for number, task_id in enumerate(a.tasks.task_id)}
    in_b = {task_id: number for number, task_id in enumerate(b.tasks.task_id)}
    sides_a, sides_b = _task_sides(a), _task_sides(b)
    facts_a, facts_b = _Facts(a), _Facts(b)
    tasks = [
        TaskComparison(
            task_id,
            sides_a[number],
            sides_b[in_b[task_id]],
            facts_a.differences(number, facts_b, in_b[task_id]),
        )
        for task_id, number in in_a.items()
        if task_id in in_b
    ]
    tasks.sort(
        key=lambda task: (
            not _failed_once(task),
            -abs(task.slower),
            -abs(task.larger),
            -len(task.differences),
        )
    )
    return Comparison(
        _side(a, sides_a),
        _side(b, sides_b),
        differences(json.loads(a.workflow.user_metadata), json.loads(b.workflow.user_metadata)),
        differences(a.runs[-1].code, b.runs[-1].code),
        differences(_sources(a), _sources(b)),
        tuple(task_id for task_id in in_a if task_id not in in_b),
        tuple(task_id for task_id in in_b if task_id not in in_a),
        tuple(
            task_id
            for task_id, number in in_a.items()
            if task_id in in_b and facts_a.has_other_arguments(number, facts_b, in_b[task_id])
        ),
        tuple(tasks),
    )


def _failed_once(task: TaskComparison) -> bool:
    """Whether it failed in one of the two workflows, and only there."""
    return task.a.status != task.b.status and TaskStatus.FAILED in (task.a.status, task.b.status)


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What two mappings do not have in common.

    >>> [tuple(one) for one in differences({"x": 1, "y": 2}, {"y": 3, "z": 4})]
    [('x', 1, None), ('y', 2, 3), ('z', None, 4)]
    """
    names = [*a, *(name for name in b if name not in a)]
    return tuple(Difference(name, a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name))


class _Facts:
    """What tasks of a workflow were told to be; few differ, so that texts are read once."""

    def __init__(self, trace: Trace) -> None:
        self._tasks = trace.tasks
        self._arguments = trace.arguments
        self._names = dotted_names(trace)
        self._read: dict[str, Any] = {}

    def differences(self, mine: int, other: _Facts, theirs: int) -> tuple[Difference, ...]:
        here, there = self._tasks, other._tasks
        found: list[Difference] = []
        if here.options[mine] != there.options[theirs]:
            found += differences(self._json(here.options[mine]), self._json(there.options[theirs]))
        if here.user_metadata[mine] != there.user_metadata[theirs]:
            given = self._json(here.user_metadata[mine]), self._json(there.user_metadata[theirs])
            found += [Difference(f"user_metadata.{name}", a, b) for name, a, b in differences(*given)]
        functions = self._names[here.function[mine]], other._names[there.function[theirs]]
        if functions[0] != functions[1]:
            found.append(Difference("function", *functions))
        needs = self._upstream(mine), other._upstream(theirs)
        if needs[0] != needs[1]:
            found.append(Difference("workflow_refs", *needs))
        return tuple(found)

    def has_other_arguments(self, mine: int, other: _Facts, theirs: int) -> bool:
        """Whether arguments of its own differ; where it takes from other tasks, nobody can say."""
        same = self._arguments.get(mine) == other._arguments.get(theirs)
        return not same and self._upstream(mine) == other._upstream(theirs)

    def _json(self, text: str) -> Any:
        if text not in self._read:
            self._read[text] = json.loads(text)
        return self._read[text]

    def _upstream(self, task: int) -> list[str]:
        return [self._tasks.task_id[need] for need in self._tasks.upstream[task]]


def _task_sides(trace: Trace) -> list[TaskSide]:
    of, newest = trace.attempts, trace.workflow.run
    last: dict[int, int] = {task: place for place, task in enumerate(of.task)}
    counts = Counter(of.task)
    sides = []
    for task, status in enumerate(trace.tasks.status):
        place = last.get(task)
        used = (
            (None, None, None)
            if place is None
            else (took(trace, place), of.cpu_time[place], of.peak_rss[place])
        )
        reused = trace.tasks.reused_in[task] == newest and status is TaskStatus.SUCCESSFUL
        sides.append(TaskSide(status, *used, counts.get(task, 0), reused))
    return sides


def _side(trace: Trace, tasks: list[TaskSide]) -> Side:
    workflow, of = trace.workflow, trace.attempts
    begin, end = run_extent(trace, trace.runs[-1])
    return Side(
        workflow.workflow_id,
        workflow.name,
        workflow.status,
        workflow.run,
        end - begin,
        len(trace.tasks),
        sum(task.reused for task in tasks),
        len(of),
        sum(seconds for seconds in of.cpu_time if seconds is not None),
        max((peak for peak in of.peak_rss if peak is not None), default=None),
    )


def _sources(trace: Trace) -> dict[str, str]:
    """Functions with the hashes of their sources, or a word where there is none."""
    names = dotted_names(trace)
    return {
        name: function.source_hash or "source not known"
        for name, function in zip(names, trace.functions, strict=True)
    }
