"""What holds of a machine between any two events. Every test of the machine checks it after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from heliograph.records.status import TASK_OVER, TaskStatus, WorkflowStatus
from heliograph.scheduling.machine import Machine

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
    counted = Counter(machine.status_of(task) for task in range(machine.count))
    if counted != machine.progress:
        yield f"progress says {dict(machine.progress)}, and the tasks' statuses {dict(counted)}"


def _run(machine: Machine) -> Iterator[str]:
    """The run stands as its tasks do."""
    status, tasks = machine.status, range(machine.count)
    if status is WorkflowStatus.PENDING and tasks:
        yield "the run waits, and has tasks already"
    if status not in (WorkflowStatus.PENDING, WorkflowStatus.RUNNING) and machine.live:
        yield f"the run is {status}, and attempts of tasks {sorted(machine.live)} still run"
    if tasks:
        output = machine.status_of(machine.output) is TaskStatus.SUCCESSFUL
        if output != (status is WorkflowStatus.SUCCESSFUL):
            yield f"the run is {status}, and its output task {machine.status_of(machine.output)}"
    # A task that failed within a frame that catches is over, and left memory with all in that frame.
    failed = [task for task in machine.states if machine.status_of(task) is TaskStatus.FAILED]
    if bool(failed) != (status is WorkflowStatus.FAILED):
        yield f"the run is {status}, and tasks {failed} FAILED"
    if status is WorkflowStatus.CANCELED:
        going = [task for task in tasks if machine.status_of(task) not in TASK_OVER]
        if going:
            yield f"the run is CANCELED, and tasks {going} are not over"


def _attempts(machine: Machine) -> Iterator[str]:
    """A live attempt is its task's last; what runs has one, and what is over has none."""
    for task, attempt in machine.live.items():
        status, state = machine.status_of(task), machine.states.get(task)
        if state is None:
            yield f"attempt {attempt} of task {task} lives, and the task has left memory"
        elif state.attempts != attempt:
            yield f"attempt {attempt} of task {task} lives, and its last is {state.attempts}"
        elif status not in (TaskStatus.READY, TaskStatus.RUNNING) and not machine.is_asleep(task):
            yield f"attempt {attempt} of task {task} lives, and the task is {status}"
    for task in range(machine.count):
        status, state = machine.status_of(task), machine.states.get(task)
        if status not in (TaskStatus.READY, TaskStatus.RUNNING) or task in machine.live:
            continue
        # Tasks of a continuation are READY, and wait for it to be committed.
        is_new = state is not None and state.rule.frame is not None and not state.tries
        is_new = is_new and machine.status is WorkflowStatus.RUNNING
        if status is TaskStatus.RUNNING or not is_new:
            yield f"task {task} is {status}, and has no live attempt"


def _checkpoints(machine: Machine) -> Iterator[str]:
    """Only what succeeded is stored."""
    for task in machine.asked:
        if machine.status_of(task) is not TaskStatus.SUCCESSFUL:
            yield f"task {task} is to be stored, and {machine.status_of(task)}"


def _inputs(machine: Machine) -> Iterator[str]:
    """Nothing begins before all its inputs are committed."""
    for task, state in machine.states.items():
        status = machine.status_of(task)
        if status in (TaskStatus.PENDING, TaskStatus.CANCELED, TaskStatus.SUCCESSFUL):
            continue
        inputs = [upstream for upstream in state.rule.upstream if upstream not in machine.remade]
        early = [upstream for upstream in inputs if not machine.is_stored(upstream)]
        if early:
            yield f"task {task} is {status} before its inputs {early} are stored"


def _bookkeeping(machine: Machine) -> Iterator[str]:
    """While the run goes on, what is counted down is what a fresh count gives, and nothing is stuck."""
    if machine.status is not WorkflowStatus.RUNNING:
        return
    users: Counter[int] = Counter()
    for task, state in machine.states.items():
        if not machine.is_stored(task):
            users.update(state.rule.upstream)
            missing = sum(not machine.is_stored(upstream) for upstream in state.rule.upstream)
            if state.missing != missing:
                yield f"task {task} lacks {missing} inputs, and the machine counts {state.missing}"
            if machine.status_of(task) is TaskStatus.PENDING and not missing:
                yield f"task {task} has all its inputs, and was not made ready"
    for task, state in machine.states.items():
        if state.users != users[task]:
            yield f"task {task} has {users[task]} users left, and the machine counts {state.users}"


def _frames(machine: Machine) -> Iterator[str]:
    """A frame waits for its delegate, and its delegate is there."""
    if machine.status is not WorkflowStatus.RUNNING:
        return
    for frame, delegate in machine.delegates.items():
        if machine.status_of(frame) is not TaskStatus.WAITING:
            yield f"frame {frame} is {machine.status_of(frame)}"
        state = machine.states.get(delegate)
        if state is None or state.rule.delivers_to != frame:
            yield f"frame {frame} waits for task {delegate}, which does not deliver to it"


def _story(machine: Machine) -> Iterator[str]:
    yield f"the run is {machine.status}; its tasks:"
    for task in range(min(machine.count, _SHOWN)):
        told = f"  {task}: {machine.status_of(task)}{', stored' if machine.is_stored(task) else ''}"
        yield f"{told}, {_described(machine, task)}"
    if machine.count > _SHOWN:
        yield f"  … and {machine.count - _SHOWN} more"


def _described(machine: Machine, task: int) -> str:
    state = machine.states.get(task)
    if state is None:
        return "not in memory"
    facts: dict[str, object] = {
        "upstream": list(state.rule.upstream),
        "attempts": state.attempts,
        "live": machine.live.get(task),
        "missing": state.missing,
        "users": state.users,
    }
    if state.rule.frame is not None:
        facts |= {"frame": state.rule.frame, "delivers to": state.rule.delivers_to}
    if task in machine.delegates:
        facts["delegate"] = machine.delegates[task]
    return ", ".join([f"{name} {fact}" for name, fact in facts.items()])


_RULES: Final[tuple[Callable[[Machine], Iterator[str]], ...]] = (
    _counts,
    _run,
    _attempts,
    _checkpoints,
    _inputs,
    _bookkeeping,
    _frames,
)
