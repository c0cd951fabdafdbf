"""What let each attempt of a run begin, and how late each could have ended: a graph of the attempts.

An attempt is let go by the attempt of the same task before it; the first one of a task, by the last of its
upstream tasks that ended, or by the task whose continuation it is a part of. A task that handed over to a
continuation has ended when the last task of that has. Where an output was damaged, the task that made it runs
once more: let go by the attempt that met the damage, while all that began before had the earlier output.

In this graph the run's end follows from how long each attempt took after it was let go: the longest way from
the run's beginning to its end is the critical path.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from heliograph.insight.extent import Extents, extents, picked, run_extent, waiting_tasks
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.trace import Trace
from heliograph.records.workflow import RunRecord


@dataclass(frozen=True, slots=True)
class Causes:
    """The attempts of one run and what let each begin; all sequences have one entry an attempt.

    Attributes:
        begin: of the run.
        end: of the run.
        places: of the attempts, among all of the workflow.
        tasks: numbers of their tasks.
        waiting: numbers of the tasks that only wait, and occupy no worker.
        extents: their phases.
        causes: those that each had to wait for, as indexes into these sequences.
        order: indexes, causes first.
        released: when the last of its causes was over; the run's beginning for one without.
        ended: when it was over; never before `released`.
        critical: the cause that was over last; None for one without.
        last: index of the attempt whose end ended the run; None where there was no attempt.
    """

    begin: float
    end: float
    places: Sequence[int]
    tasks: Sequence[int]
    waiting: Set[int]
    extents: Extents
    causes: Sequence[Sequence[int]]
    order: Sequence[int]
    released: Sequence[float]
    ended: Sequence[float]
    critical: Sequence[int | None]
    last: int | None

    def path(self) -> list[int]:
        """The critical path: indexes of its attempts, in order of time."""
        way: list[int] = []
        at = self.last
        while at is not None:
            way.append(at)
            at = self.critical[at]
        way.reverse()
        return way


def causes(trace: Trace, run: RunRecord) -> Causes:
    """What let each attempt of a run begin."""
    begin, end = run_extent(trace, run)
    places = [place for place, number in enumerate(trace.attempts.run) if number == run.run]
    tasks = picked(trace.attempts.task, places)
    phases = extents(trace, places, begin, end)
    last_of: list[int | None] = [None] * len(trace.tasks)
    for at, task in enumerate(tasks):
        last_of[task] = at
    gives = _gives(trace)
    output_of = _outputs(gives, last_of, phases.stored)
    if made_again := _made_again(trace, places, tasks):
        needed = _needed_in_time(trace, places, tasks, phases, gives, made_again)
    else:
        needed = _needed(trace, tasks, last_of, output_of)
    order = _causes_first(needed)
    released, ended = [begin] * len(places), [begin] * len(places)
    critical: list[int | None] = [None] * len(places)
    known = bytearray(len(places))
    for at in order:
        since, by = begin, None
        for cause in needed[at]:
            # No cause comes later, unless the storage is damaged; then this must end all the same.
            if known[cause] and (by is None or ended[cause] > since):
                since, by = ended[cause], cause
        known[at] = True
        stored = phases.stored[at]
        released[at], critical[at] = since, by
        ended[at] = stored if stored > since else since
    last = _last(trace, run, places, phases, ended)
    if run.status is WorkflowStatus.SUCCESSFUL:
        given = output_of[trace.workflow.output_task] if output_of else None
        last = last if given is None else given
    return Causes(
        begin,
        end,
        places,
        tasks,
        waiting_tasks(trace),
        phases,
        needed,
        order,
        released,
        ended,
        critical,
        last,
    )


def _gives(trace: Trace) -> list[int | None]:
    """The frame whose output each task gives, as the last of it; or which caught its error."""
    of = trace.tasks
    gives: list[int | None] = []
    for task, (status, frame) in enumerate(zip(of.status, of.delivers_to, strict=True)):
        if status is TaskStatus.FAILED:
            frame = _around(trace, task)
            while frame is not None and of.status[frame] is not TaskStatus.SUCCESSFUL:
                frame = _around(trace, frame)
        gives.append(None if frame is None or frame >= task else frame)
    return gives


def _around(trace: Trace, task: int) -> int | None:
    frame = trace.tasks.frame[task]
    return None if frame is None or frame >= task else frame  # else the storage is damaged


def _outputs(
    gives: Sequence[int | None], last_of: Sequence[int | None], stored: Sequence[float]
) -> list[int | None]:
    """Which attempt gave the output of each task: its last one, or the last of its continuation."""
    output_of = list(last_of)
    for task in reversed(range(len(gives))):  # frames come before what is in them
        frame, mine = gives[task], output_of[task]
        if frame is None or mine is None:
            continue
        best = output_of[frame]
        if best is None or stored[mine] >= stored[best]:
            output_of[frame] = mine
    return output_of


def _needed(
    trace: Trace, tasks: Sequence[int], last_of: Sequence[int | None], output_of: Sequence[int | None]
) -> list[Sequence[int]]:
    """The attempts that each one had to wait for."""
    creators, upstream = trace.tasks.creator, trace.tasks.upstream
    needed: list[Sequence[int]] = []
    before = -1
    for at, task in enumerate(tasks):
        if task == before:
            needed.append((at - 1,))
            continue
        before = task
        causes = [cause for need in upstream[task] if (cause := output_of[need]) is not None]
        if (creator := creators[task]) is not None and (cause := last_of[creator]) is not None:
            causes.insert(0, cause)
        needed.append(causes)
    return needed


def _made_again(trace: Trace, places: Sequence[int], tasks: Sequence[int]) -> frozenset[int]:
    """The attempts of tasks that had succeeded before in the same run: an output was damaged."""
    statuses = picked(trace.attempts.status, places)
    return frozenset(
        at
        for at in range(1, len(tasks))
        if tasks[at] == tasks[at - 1] and statuses[at - 1] is AttemptStatus.SUCCESSFUL
    )


def _needed_in_time(
    trace: Trace,
    places: Sequence[int],
    tasks: Sequence[int],
    phases: Extents,
    gives: Sequence[int | None],
    made_again: Set[int],
) -> list[Sequence[int]]:
    """As `_needed`, where tasks had several outputs: an attempt took the one there was when it was ready."""
    created, statuses = picked(trace.attempts.created, places), picked(trace.attempts.status, places)
    by_end = sorted(range(len(places)), key=phases.stored.__getitem__)
    ends: dict[int, list[int]] = defaultdict(list)  # of each task, in order of time
    own: dict[int, list[int]] = defaultdict(list)  # those of its own attempts, not of its continuation's
    for at in by_end:
        own[tasks[at]].append(at)
        task: int | None = tasks[at]
        while task is not None:
            ends[task].append(at)
            task = gives[task]

    def had(needs: Iterable[int], at: int, ends: Mapping[int, Sequence[int]] = ends) -> list[int]:
        found = []
        for need in needs:
            if those := ends.get(need):
                until = bisect_right(those, phases.ready[at], key=phases.stored.__getitem__)
                found.append(those[max(until - 1, 0)])
        return found

    needed: list[Sequence[int]] = []
    for at, task in enumerate(tasks):
        upstream = had(trace.tasks.upstream[task], at)
        if not at or tasks[at - 1] != task:
            creator = trace.tasks.creator[task]
            causes = ([] if creator is None else had([creator], at, own)) + upstream
        else:
            earlier = had(trace.tasks.upstream[task], at - 1)
            causes = [at - 1, *(cause for cause in upstream if cause not in earlier)]
            if at in made_again:  # it was planned as soon as somebody had met the damage
                planned = created[at] or phases.ready[at]
                met = [
                    other
                    for other in by_end
                    if statuses[other] is AttemptStatus.FAILED and phases.started[other] <= planned
                ]
                causes += met[-1:]
        needed.append(causes)
    return needed


def _causes_first(needed: Sequence[Sequence[int]]) -> list[int]:
    order: list[int] = []
    seen = bytearray(len(needed))
    for root in range(len(needed)):
        if seen[root]:
            continue
        seen[root] = True
        way = [(root, iter(needed[root]))]
        while way:
            at, rest = way[-1]
            for cause in rest:
                if not seen[cause]:
                    seen[cause] = True
                    way.append((cause, iter(needed[cause])))
                    break
            else:
                way.pop()
                order.append(at)
    return order


def _last(
    trace: Trace, run: RunRecord, places: Sequence[int], phases: Extents, ended: Sequence[float]
) -> int | None:
    """The attempt whose end ended the run; of several that were stopped with it, the longest one."""
    candidates: Sequence[int] = range(len(places))
    if run.status is WorkflowStatus.FAILED:
        of = trace.attempts
        failed = [
            at
            for at, place in enumerate(places)
            if of.status[place] is AttemptStatus.FAILED
            and trace.tasks.task_id[of.task[place]] == run.error_task
        ]
        candidates = failed or candidates
    latest = max((ended[at] for at in candidates), default=None)
    return min(
        (at for at in candidates if ended[at] == latest), key=lambda at: phases.ready[at], default=None
    )


def latest_ends(causes: Causes) -> list[float]:
    """How late each attempt could have ended without the run ending later.

    What came after it would have taken as long as it did. For what nothing came after, that is the run's end.
    """
    if causes.last is None:
        return []
    final = causes.ended[causes.last]
    latest = [final] * len(causes.places)
    for at in reversed(causes.order):
        mine = latest[at] - (causes.ended[at] - causes.released[at])
        for cause in causes.causes[at]:
            if mine < latest[cause]:
                latest[cause] = mine
    return latest
