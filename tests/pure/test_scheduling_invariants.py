"""The check that every machine test leans on: it sees what is wrong, and tells how it stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliograph.graph.options import TaskOptions
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.scheduling.events import Stored, Submitted, Succeeded, TaskRule
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine


def sound() -> Machine:
    """0 is stored; 1 and 2 take it and run; 3 takes both and waits."""
    tasks = tuple(TaskRule(upstream, TaskOptions()) for upstream in ((), (0,), (0,), (1, 2)))
    machine = Machine()
    for event in (Submitted(0.0, tasks), Succeeded(1.0, 0, 1), Stored(2.0, 0)):
        machine.handle(event)
        check(machine)
    return machine


def status(machine: Machine, task: int, value: TaskStatus) -> None:
    machine._counts[machine._status[task]] -= 1
    machine._counts[value] = machine._counts.get(value, 0) + 1
    machine._status[task] = value


def run(machine: Machine, value: WorkflowStatus) -> None:
    machine.status = value


BREAKS: dict[str, tuple[Callable[[Machine], object], str]] = {
    "a count that is off": (
        lambda machine: machine._counts.update({TaskStatus.READY: 3}),
        "progress says",
    ),
    "a status nobody counted": (
        lambda machine: machine._status.__setitem__(3, TaskStatus.CANCELED),
        "progress says",
    ),
    "tasks before the submission": (
        lambda machine: run(machine, WorkflowStatus.PENDING),
        "the run waits, and has tasks already",
    ),
    "attempts after the end": (
        lambda machine: run(machine, WorkflowStatus.CANCELED),
        r"the run is CANCELED, and attempts of tasks \[1, 2\] still run",
    ),
    "going tasks after a cancel": (
        lambda machine: run(machine, WorkflowStatus.CANCELED),
        r"the run is CANCELED, and tasks \[1, 2, 3\] are not over",
    ),
    "success without the output": (
        lambda machine: run(machine, WorkflowStatus.SUCCESSFUL),
        "the run is SUCCESSFUL, and its output task PENDING",
    ),
    "the output without success": (
        lambda machine: status(machine, 3, TaskStatus.SUCCESSFUL),
        "the run is RUNNING, and its output task SUCCESSFUL",
    ),
    "failure without a failed task": (
        lambda machine: run(machine, WorkflowStatus.FAILED),
        r"the run is FAILED, and tasks \[\] FAILED",
    ),
    "a failed task without failure": (
        lambda machine: status(machine, 3, TaskStatus.FAILED),
        r"the run is RUNNING, and tasks \[3\] FAILED",
    ),
    "ready without an attempt": (
        lambda machine: machine._live.pop(1),
        "task 1 is READY, and has no live attempt",
    ),
    "an attempt of a task that waits": (
        lambda machine: (machine._live.update({3: 1}), machine._states.attempts.__setitem__(3, 1)),
        "attempt 1 of task 3 lives, and the task is PENDING",
    ),
    "an attempt nobody began": (
        lambda machine: machine._live.update({3: 1}),
        "attempt 1 of task 3 lives, and its last is 0",
    ),
    "an attempt of a task that is gone": (
        lambda machine: machine._states.let_go(1),
        "attempt 1 of task 1 lives, and the task has left memory",
    ),
    "running without an attempt": (
        lambda machine: (machine._live.pop(1), status(machine, 1, TaskStatus.RUNNING)),
        "task 1 is RUNNING, and has no live attempt",
    ),
    "an old attempt": (
        lambda machine: machine._states.attempts.__setitem__(1, 2),
        "attempt 1 of task 1 lives, and its last is 2",
    ),
    "stored without success": (
        lambda machine: machine._asked.add(1),
        "task 1 is to be stored, and READY",
    ),
    "started too early": (
        lambda machine: machine._asked.add(0),
        r"task 1 is READY before its inputs \[0\] are stored",
    ),
    "users miscounted": (
        lambda machine: machine._states.users.__setitem__(0, 1),
        "task 0 has 2 users left, and the machine counts 1",
    ),
    "missing inputs miscounted": (
        lambda machine: machine._states.missing.__setitem__(3, 1),
        "task 3 lacks 2 inputs, and the machine counts 1",
    ),
    "not started though it could": (
        lambda machine: (machine._live.pop(1), status(machine, 1, TaskStatus.PENDING)),
        "task 1 has all its inputs, and was not made ready",
    ),
}


@pytest.mark.parametrize(("breaks", "message"), BREAKS.values(), ids=BREAKS)
def test_whatever_is_wrong_is_told(breaks: Callable[[Machine], object], message: str) -> None:
    machine = sound()
    breaks(machine)
    with pytest.raises(AssertionError, match=message):
        check(machine)


def test_the_story_tells_how_each_task_stands() -> None:
    machine = sound()
    machine._counts.clear()
    with pytest.raises(AssertionError) as caught:
        check(machine)
    assert str(caught.value).splitlines()[1:] == [
        "the run is RUNNING; its tasks:",
        "  0: SUCCESSFUL, stored, upstream [], attempts 1, live None, missing 0, users 2",
        "  1: READY, upstream [0], attempts 1, live 1, missing 0, users 1",
        "  2: READY, upstream [0], attempts 1, live 1, missing 0, users 1",
        "  3: PENDING, upstream [1, 2], attempts 0, live None, missing 2, users 0",
    ]


def test_the_story_of_many_tasks_is_cut() -> None:
    machine = Machine()
    machine.handle(Submitted(0.0, (TaskRule((), TaskOptions()),) * 100))
    machine._counts.clear()
    with pytest.raises(AssertionError, match=r"  … and 60 more$"):
        check(machine)
