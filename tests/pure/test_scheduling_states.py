from __future__ import annotations

import gc

import pytest

from heliograph.graph.options import TaskOptions
from heliograph.scheduling.events import Submitted, TaskRule
from heliograph.scheduling.machine import Machine
from heliograph.scheduling.states import States, TaskState

RULE = TaskRule((), TaskOptions())
WIDE = 1_000


def tracked() -> int:
    """Objects that Python's garbage collector looks into, again and again."""
    gc.collect()  # it lets go of tuples of numbers when it first meets them
    return len(gc.get_objects())


def test_a_task_that_waits_is_nothing_to_the_garbage_collector() -> None:
    machine, before = Machine(), tracked()
    machine.handle(Submitted(0.0, (*[RULE] * WIDE, TaskRule(tuple(range(WIDE)), TaskOptions()))))
    assert len(machine.states) == WIDE + 1
    assert tracked() - before < WIDE / 10


def test_who_looks_on_sees_each_task_that_is_held() -> None:
    states = States()
    states.make_room(3)
    states.hold(0, RULE)
    states.hold(2, RULE)
    states.users[0] += 1
    states.missing[2] += 1
    assert dict(states) == {0: TaskState(RULE, 0, 1, 0, 0), 2: TaskState(RULE, 1, 0, 0, 0)}


def test_a_task_that_left_and_comes_back_begins_anew() -> None:
    states = States()
    states.make_room(1)
    states.hold(0, RULE)
    states.attempts[0] = states.tries[0] = states.users[0] = states.missing[0] = 2
    states.dependents[0], states.due[0], states.seen[0] = (1,), 5.0, 1
    states.let_go(0)
    with pytest.raises(KeyError):
        states[0]
    states.hold(0, RULE)
    assert dict(states) == {0: TaskState(RULE, 0, 0, 0, 0)}
    assert not states.dependents
    assert not states.due
    assert not states.seen
