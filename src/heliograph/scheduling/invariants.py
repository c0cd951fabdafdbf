"""What holds of a machine between any two events. Every test of the machine checks it after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from heliograph.records.status import TASK_OVER, TaskStatus, WorkflowStatus
from heliograph.scheduling.machine import Machine

_HELD: Final = frozenset({TaskStatus.READY, TaskStatus.RUNNING})
_SHOWN: Final = 40  # tasks in a story


def check(machine: Machine) -> None:
    """Say nothing if the machine makes sense.

    Raises:
        AssertionError: it does not; the message tells the rules that are broken and how each task stands.

    >>> check(Machine())
    """
    broken = [problem for rule in _RULES for problem in rule(machine)]
    if broken:
        raise AssertionError("\n".join([*broken, *_story(machine)]))


def _counts(machine: Machine) -> Iterator[str]:
    """Progress is the number of tasks in each status."""
    counted = Counter(machine.status_of(task) for task in range(len(machine.tasks)))
    if counted != machine.progress:
        yield f"progress says {dict(machine.progress)}, and the tasks' statuses {dict(counted)}"


def _run(machine: Machine) -> Iterator[str]:
    """The run stands as its tasks do."""
    status, tasks = machine.status, range(len(machine.tasks))
    if status is WorkflowStatus.PENDING and machine.tasks:
        yield "the run waits, and has tasks already"
    if status not in (WorkflowStatus.PENDING, WorkflowStatus.RUNNING) and machine.live:
        yield f"the run is {status}, and attempts of tasks {sorted(machine.live)} still run"
    if machine.tasks:
        output = machine.status_of(tasks[-1]) is TaskStatus.SUCCESSFUL
        if output != (status is WorkflowStatus.SUCCESSFUL):
            yield f"the run is {status}, and its output task {machine.status_of(tasks[-1])}"
    failed = [task for task in tasks if machine.status_of(task) is TaskStatus.FAILED]
    if bool(failed) != (status is WorkflowStatus.FAILED):
        yield f"the run is {status}, and tasks {failed} FAILED"
    if status is WorkflowStatus.CANCELED:
        going = [task for task in tasks if machine.status_of(task) not in TASK_OVER]
        if going:
            yield f"the run is CANCELED, and tasks {going} are not over"


def _attempts(machine: Machine) -> Iterator[str]:
    """A task that is ready or runs has just one live attempt: its last."""
    held = {task for task in range(len(machine.tasks)) if machine.status_of(task) in _HELD}
    if held != set(machine.live):
        yield f"tasks {sorted(held)} are READY or RUNNING, and {sorted(machine.live)} have a live attempt"
    for task, attempt in machine.live.items():
        if machine.attempts.get(task) != attempt:
            yield f"attempt {attempt} of task {task} lives, and its last is {machine.attempts.get(task)}"


def _inputs(machine: Machine) -> Iterator[str]:
    """Nothing begins before all its inputs are committed; nothing is committed that did not succeed."""
    for task, rule in enumerate(machine.tasks):
        status = machine.status_of(task)
        if task in machine.stored:
            if status is not TaskStatus.SUCCESSFUL:
                yield f"task {task} is stored, and {status}"
        elif status not in (TaskStatus.PENDING, TaskStatus.CANCELED):
            early = [upstream for upstream in rule.upstream if upstream not in machine.stored]
            if early:
                yield f"task {task} is {status} before its inputs {early} are stored"


def _bookkeeping(machine: Machine) -> Iterator[str]:
    """While the run goes on, what is counted down is what a fresh count gives, and the run is not stuck."""
    if machine.status is not WorkflowStatus.RUNNING:
        return
    wanted = _wanted(machine)
    users = Counter(upstream for task in wanted for upstream in machine.tasks[task].upstream)
    for task, rule in enumerate(machine.tasks):
        if machine.users[task] != users[task]:
            yield f"task {task} has {users[task]} users left, and the machine counts {machine.users[task]}"
        missing = sum(upstream not in machine.stored for upstream in rule.upstream) if task in wanted else 0
        if machine.missing[task] != missing:
            yield f"task {task} lacks {missing} inputs, and the machine counts {machine.missing[task]}"
    for task in wanted:
        if machine.status_of(task) is TaskStatus.PENDING and not machine.missing[task]:
            yield f"task {task} has all its inputs, and was not started"


def _wanted(machine: Machine) -> set[int]:
    """The tasks that the output needs and that are not stored."""
    wanted: set[int] = set()
    path = [len(machine.tasks) - 1]
    while path:
        task = path.pop()
        if task not in machine.stored and task not in wanted:
            wanted.add(task)
            path.extend(machine.tasks[task].upstream)
    return wanted


def _story(machine: Machine) -> Iterator[str]:
    yield f"the run is {machine.status}; its tasks:"
    for task, rule in enumerate(machine.tasks[:_SHOWN]):
        yield (
            f"  {task}: {machine.status_of(task)}{', stored' if task in machine.stored else ''}, "
            f"upstream {list(rule.upstream)}, attempts {machine.attempts.get(task, 0)}, "
            f"live {machine.live.get(task)}, missing {machine.missing[task]}, users {machine.users[task]}"
        )
    if len(machine.tasks) > _SHOWN:
        yield f"  … and {len(machine.tasks) - _SHOWN} more"


_RULES: Final[tuple[Callable[[Machine], Iterator[str]], ...]] = (
    _counts,
    _run,
    _attempts,
    _inputs,
    _bookkeeping,
)
