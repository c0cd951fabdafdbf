"""The model that the machine is held to: tasks, and which of them returned which others.

There are no frames in it and no tail calls. A task that returned others has the output of their last one, and
catches what any of them raises; so has whoever returned it.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from heliograph.graph.options import TaskOptions
from heliograph.scheduling.actions import Action
from heliograph.scheduling.events import Event, TaskRule
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine
from heliograph.scheduling.run_state import RunState
from heliograph.scheduling.states import States

OS_ERROR = ("some.NetworkError", "builtins.OSError", "builtins.Exception", "builtins.BaseException")
KEY_ERROR = ("builtins.KeyError", "builtins.Exception", "builtins.BaseException")


@st.composite
def dags(draw: st.DrawFn, most: int) -> tuple[TaskRule, ...]:
    """Tasks that the last one needs, dependencies first."""
    options = st.builds(
        TaskOptions,
        max_retries=st.sampled_from([0, 1, 2, -1]),
        retry_exceptions=st.sampled_from([False, True, ("builtins.OSError",), ()]),
        catch_exceptions=st.booleans(),
        checkpoint=st.sampled_from([None, True, False]),
        retry_delay=st.sampled_from([0.0, 0.0, 3.0]),
        retry_delay_max=st.sampled_from([0.5, 5.0, 60.0]),
        sleep=st.sampled_from([None, None, None, None, 0.0, 20.0]),
    )
    count = draw(st.integers(1, 2) | st.integers(1, most) | st.integers(max(1, most // 2), most))
    upstream = [
        draw(st.lists(st.integers(0, task - 1), unique=True, max_size=2)) if task else []
        for task in range(count)
    ]
    used = {task for needs in upstream for task in needs}
    for task in range(count - 1):  # a plan has only tasks that its output needs
        if task not in used and task not in upstream[-1]:
            upstream[-1].append(task)
    return tuple(TaskRule(tuple(needs), draw(options)) for needs in upstream)


def is_tried_again(options: TaskOptions, tries: int, died: bool, lineage: tuple[str, ...]) -> bool:
    left = options.max_retries == -1 or tries <= options.max_retries
    kinds = options.retry_exceptions
    return left and (died or kinds is True or (kinds is not False and any(kind in lineage for kind in kinds)))


def delay_after(options: TaskOptions, tries: int, jitter: float) -> float:
    delay = options.retry_delay
    for _ in range(tries - 1):
        delay *= 2
    return min(delay, options.retry_delay_max) * (1 - jitter / 2)


def told(machine: Machine, *events: Event) -> list[Action]:
    """Tell it all of these; what the last one asked for."""
    actions: list[Action] = []
    for event in events:
        actions = machine.handle(event)
        check(machine)
    return actions


def state_of(machine: Machine) -> dict[str, Any]:
    """All that a machine remembers, and what it knows of its tasks."""
    slots = {slot: getattr(machine, slot) for slot in RunState.__slots__}
    slots |= {slot: getattr(machine._states, slot) for slot in States.__slots__}
    return {slot: copy.copy(value) for slot, value in slots.items()}


class Family:
    """All tasks of a workflow.

    Attributes:
        rules: by number; upstream numbers count from the workflow's first task.
        creator: who returned a task, by number; the plan's own tasks have none.
        returned: of a task that returned others, the last of them.
    """

    def __init__(self, rules: tuple[TaskRule, ...]) -> None:
        self.rules = rules
        self.output = len(rules) - 1
        self.creator: dict[int, int] = {}
        self.returned: dict[int, int] = {}

    def copy(self) -> Family:
        other = Family(self.rules)
        other.output = self.output
        other.creator, other.returned = dict(self.creator), dict(self.returned)
        return other

    def add(self, creator: int, tasks: tuple[TaskRule, ...]) -> None:
        """A task returned others; their upstream numbers count from the first of them."""
        first = len(self.rules)
        for rule in tasks:
            self.creator[len(self.rules)] = creator
            upstream = tuple(first + task for task in rule.upstream)
            self.rules = (*self.rules, replace(rule, upstream=upstream))
        self.returned[creator] = len(self.rules) - 1

    def inherited(self, creator: int, tasks: tuple[TaskRule, ...]) -> tuple[TaskRule, ...]:
        """Options as the engine gives them to the machine."""
        if self.keeps(creator):
            return tasks
        return tuple(
            replace(rule, options=replace(rule.options, checkpoint=False))
            if rule.options.checkpoint is None
            else rule
            for rule in tasks
        )

    def count(self, creator: int) -> int:
        """How many tasks it returned."""
        return sum(other == creator for other in self.creator.values())

    def keeps(self, task: int) -> bool:
        return self.rules[task].options.checkpoint is not False

    def receiver(self, task: int) -> int:
        """Whose output the task's output is in the end."""
        while task in self.creator and self.returned[self.creator[task]] == task:
            task = self.creator[task]
        return task

    def catcher(self, task: int) -> int | None:
        """Who catches what it raises."""
        at: int | None = task
        while at is not None and (not self._catches(at) or self.is_done_tail(at)):
            at = self.creator.get(at)
        return at

    def _catches(self, task: int) -> bool:
        return self.rules[task].options.catch_exceptions

    def within(self, ancestor: int) -> set[int]:
        """All that it returned, and what those returned, and so on."""
        found: set[int] = set()
        for task in sorted(self.creator):  # a creator's number is smaller
            if self.creator[task] == ancestor or self.creator[task] in found:
                found.add(task)
        return found

    def needed(self, given: set[int]) -> set[int]:
        """What the output needs and is not given: of a task that returned others, their last one."""
        found: set[int] = set()
        path = [self.output]
        while path:
            task = path.pop()
            if task not in found and task not in given:
                found.add(task)
                path += [self.returned[task]] if task in self.returned else self.rules[task].upstream
        return found

    # -- where the machine's own words are needed: what it is told in a resume, and what it asks for

    def is_tail(self, task: int) -> bool:
        """Whether it is done when it returns others: another, who catches if it does, has their output."""
        if self.receiver(task) == task:
            return False
        return not self._catches(task) or self._catches(self.frame(task))

    def is_done_tail(self, task: int) -> bool:
        return task in self.returned and self.is_tail(task)

    def frame(self, task: int) -> int:
        """The task that waits for this one's continuation: its creator, or whom that stands for."""
        frame = self.creator[task]
        while self.is_tail(frame):
            frame = self.creator[frame]
        return frame

    def stored_rules(self) -> tuple[TaskRule, ...]:
        """The tasks as the store gives them back."""
        rules = []
        for task, rule in enumerate(self.rules):
            if task in self.creator:
                frame = self.frame(task)
                last = self.returned[self.creator[task]] == task
                rules.append(replace(rule, frame=frame, delivers_to=frame if last else None))
            else:
                rules.append(rule)
        return tuple(rules)
