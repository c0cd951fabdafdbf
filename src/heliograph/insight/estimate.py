"""How long a workflow will take yet, as far as earlier tasks of the same functions tell."""

from __future__ import annotations

import heapq
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from heliograph.insight.extent import dotted_names, waiting_tasks
from heliograph.insight.named import Named
from heliograph.insight.table import Table, Tabular, table_of
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.trace import Trace

Samples = Mapping[str, Sequence[float]]
"""Seconds that successful attempts took, from when a worker had them until they were stored; by function."""

Pick = Callable[[Sequence[float]], float]
"""Gives one of the seconds that are known, or their mean."""

LOW: Final = 0.1
HIGH: Final = 0.9


@dataclass(frozen=True, slots=True)
class Estimate(Named, Tabular):
    """The time that a workflow will still take.

    Attributes:
        workflow_id: the workflow.
        status: its status. If no engine runs it, the times are those after it is resumed.
        done: the number of tasks that have ended.
        total: the number of all tasks; continuations may add more.
        left: seconds, if each task takes the average time of its function. None: there is nothing to
            estimate it from.
        low: seconds, if each task is as fast as the fastest tenth.
        high: seconds, if each task is as slow as the slowest tenth.
        workers: the number of workers that the estimate assumes: those that ran a task in the newest run.
        samples: the number of earlier attempts that the estimate is made from.
        unknown: functions of which no attempt has ever ended. They are assumed to take the average time of
            the others (without those that only wait), or the time they have run so far, if that is longer.
    """

    workflow_id: str
    status: WorkflowStatus
    done: int
    total: int
    left: float | None
    low: float | None
    high: float | None
    workers: int
    samples: int
    unknown: tuple[str, ...]

    @property
    def table(self) -> Table:
        """The estimate as a table of one row."""
        return table_of(Estimate, [self])


def estimate(trace: Trace, earlier: Samples) -> Estimate:
    """How long a workflow will take yet.

    What is left is played through with as many workers as there are: each takes the next task whose inputs
    are there. Attempts that will fail, and continuations to come, are not foreseen.

    Args:
        trace: the workflow.
        earlier: what tasks of its functions took in other workflows.
    """
    names = dotted_names(trace)
    samples = _with_own(trace, names, earlier)
    rest, pace = _open_tasks(trace), _Pace(trace, names, samples)
    needed = {names[trace.tasks.function[task]] for task in rest if pace.sleep(task) is None}
    unknown = needed.difference(samples)
    workers = _workers(trace)
    left = low = high = None
    if pace.usual or not unknown:
        left, low, high = (
            _played(trace, rest, workers, pace, pick) for pick in (fmean, _quantile(LOW), _quantile(HIGH))
        )
        low, high = min(low, left), max(high, left)
    return Estimate(
        workflow_id=trace.workflow.workflow_id,
        status=trace.workflow.status,
        done=len(trace.tasks) - len(rest),
        total=len(trace.tasks),
        left=left,
        low=low,
        high=high,
        workers=workers,
        samples=sum(len(values) for name, values in samples.items() if name in needed),
        unknown=tuple(sorted(unknown)),
    )


class _Pace:
    """How long tasks will take yet.

    Args:
        trace: the workflow.
        names: of its functions.
        samples: what tasks took, by function, each in order.

    Attributes:
        usual: what tasks took that do more than wait, in order.
    """

    def __init__(self, trace: Trace, names: Sequence[str], samples: Samples) -> None:
        self._trace = trace
        self._names = names
        self._samples = samples
        tasks, of, waiting = trace.tasks, trace.attempts, waiting_tasks(trace)
        does = {names[function] for task, function in enumerate(tasks.function) if task not in waiting}
        self.usual = sorted(seconds for name in does for seconds in samples.get(name, ()))
        self._picked: dict[tuple[str, Pick], float] = {}
        self._sleeps = {options: json.loads(options).get("sleep") for options in set(tasks.options)}
        self._last = {task: place for place, task in enumerate(of.task)}
        self._handed_over = {creator for creator in tasks.creator if creator is not None}
        self._so_far: dict[str, float] = defaultdict(float)
        for task, place in self._last.items():
            if of.status[place] is AttemptStatus.RUNNING:
                name = names[tasks.function[task]]
                self._so_far[name] = max(self._so_far[name], self._elapsed(task))

    def sleep(self, task: int) -> float | None:
        """Seconds that a task will sleep yet, from when its turn has come; None: it is no sleep."""
        sleep, due = self._sleeps[self._trace.tasks.options[task]], self._trace.tasks.due[task]
        if sleep is None:
            return None
        return float(sleep) if due is None else max(due - self._trace.now, 0.0)

    def pause(self, task: int) -> float:
        """Seconds until its next attempt begins, of one that pauses after another; a resume doesn't wait."""
        tasks, now = self._trace.tasks, self._trace.now
        goes_on = self._trace.workflow.status is WorkflowStatus.RUNNING
        if not goes_on or tasks.status[task] is not TaskStatus.WAITING or self.has_handed_over(task):
            return 0.0
        return max((tasks.due[task] or 0.0) - now, 0.0)

    def has_handed_over(self, task: int) -> bool:
        """Whether it is done but for its continuation, whose tasks are counted by themselves."""
        return task in self._handed_over and self._ended(task) is AttemptStatus.SUCCESSFUL

    def left(self, task: int, pick: Pick) -> float:
        """Seconds that a task will take yet, from when its turn has come.

        Args:
            task: its number.
            pick: of all that are known, the one to reckon with.
        """
        if self.has_handed_over(task):
            return 0.0
        sleep, elapsed = self.sleep(task), self._elapsed(task)
        if sleep is not None:
            return sleep
        name = self._names[self._trace.tasks.function[task]]
        if not elapsed:
            if (name, pick) not in self._picked:
                known = self._samples.get(name)
                self._picked[name, pick] = pick(known) if known else max(pick(self.usual), self._so_far[name])
            return self._picked[name, pick]
        values = self._samples.get(name) or self.usual
        longer = values[bisect_right(values, elapsed) :]  # it is none of those that were over by now
        return pick(longer) - elapsed if longer else 0.0

    def _ended(self, task: int) -> AttemptStatus | None:
        """How its last attempt went; None: it had none."""
        place = self._last.get(task)
        return None if place is None else self._trace.attempts.status[place]

    def _elapsed(self, task: int) -> float:
        """Seconds for which an attempt of it runs by now; 0: none does."""
        if self._ended(task) is not AttemptStatus.RUNNING:
            return 0.0
        started = self._trace.attempts.started[self._last[task]]
        return 0.0 if started is None else max(self._trace.now - started, 0.0)


def _open_tasks(trace: Trace) -> list[int]:
    if trace.workflow.status is WorkflowStatus.SUCCESSFUL:
        return []  # what others caught has failed, and is over
    is_over: list[bool] = []
    for task, (status, frame) in enumerate(zip(trace.tasks.status, trace.tasks.frame, strict=True)):
        # So is a continuation whose error somebody caught; its frame comes before it.
        is_stopped = frame is not None and frame < task and is_over[frame]
        is_over.append(is_stopped or status is TaskStatus.SUCCESSFUL)
    return [task for task, over in enumerate(is_over) if not over]


def _with_own(trace: Trace, names: Sequence[str], earlier: Samples) -> dict[str, list[float]]:
    """The samples in order, with those of the workflow itself."""
    samples = defaultdict(list, {name: list(values) for name, values in earlier.items() if values})
    of = trace.attempts
    for task, status, started, stored in zip(of.task, of.status, of.started, of.stored, strict=True):
        if status is AttemptStatus.SUCCESSFUL and started is not None and stored is not None:
            samples[names[trace.tasks.function[task]]].append(max(stored - started, 0.0))
    return {name: sorted(values) for name, values in samples.items()}


def _workers(trace: Trace) -> int:
    """How many workers ran something in the newest run that had any."""
    of, waiting = trace.attempts, waiting_tasks(trace)
    seen: dict[int, set[tuple[str | None, str]]] = defaultdict(set)
    for task, run, host, worker in zip(of.task, of.run, of.host, of.worker_id, strict=True):
        if worker is not None and task not in waiting:
            seen[run].add((host, worker))
    return len(seen[max(seen)]) if seen else 1


def _quantile(share: float) -> Pick:
    """Gives the value below which such a share of the (ordered) values lies."""
    return lambda values: values[round((len(values) - 1) * share)]


def _played(trace: Trace, rest: Sequence[int], workers: int, pace: _Pace, pick: Pick) -> float:
    """Seconds until all of the tasks are over, each as soon as its inputs and a worker are there."""
    missing: dict[int, int] = dict.fromkeys(rest, 0)
    effects: dict[int, list[int]] = defaultdict(list)
    tasks, waiting = trace.tasks, waiting_tasks(trace)
    for task in rest:
        frame = tasks.delivers_to[task]
        links = [(need, task) for need in tasks.upstream[task]] + ([] if frame is None else [(task, frame)])
        for cause, effect in links:
            if cause in missing and effect in missing:
                effects[cause].append(effect)
                missing[effect] += 1
    pauses = {task: pause for task in rest if task not in waiting and (pause := pace.pause(task))}
    idle = waiting.union(task for task in rest if pace.has_handed_over(task))  # they need no worker
    ready: list[int] = []  # those that were planned first come first
    running: list[tuple[float, int]] = []
    now, free = 0.0, workers

    def released(task: int) -> None:
        if task in pauses:
            heapq.heappush(running, (pauses[task], task))
        elif task in idle:
            heapq.heappush(running, (now + pace.left(task, pick), task))
        else:
            heapq.heappush(ready, task)

    for task, count in missing.items():
        if not count:
            released(task)
    while ready or running:
        while ready and free:
            task = heapq.heappop(ready)
            heapq.heappush(running, (now + pace.left(task, pick), task))
            free -= 1
        now, task = heapq.heappop(running)
        if pauses.pop(task, None) is not None:
            released(task)
            continue
        free += task not in idle
        for effect in effects[task]:
            missing[effect] -= 1
            if not missing[effect]:
                released(effect)
    return now
