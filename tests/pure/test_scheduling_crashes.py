"""A crash after any event: what was stored is not lost, and does not run again."""

from __future__ import annotations

import pytest

from heliograph.graph.options import TaskOptions
from heliograph.records.status import WorkflowStatus
from heliograph.scheduling.actions import Checkpoint, Start
from heliograph.scheduling.events import Event, Stored, Submitted, Succeeded, TaskRule
from heliograph.scheduling.invariants import check
from heliograph.scheduling.machine import Machine

SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "one": ((),),
    "chain": ((), (0,), (1,), (2,)),
    "fan-out and in": ((), (0,), (0,), (0,), (1, 2, 3)),
    "two diamonds": ((), (0,), (0,), (1, 2), (3,), (3,), (4, 5)),
    "long and short way": ((), (0,), (1,), (0, 2)),
}


@pytest.mark.parametrize("unkept", [None, 0, 1], ids=["all kept", "first not kept", "second not kept"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_crash_after_any_event_loses_nothing_that_was_stored(
    shape: tuple[tuple[int, ...], ...], unkept: int | None
) -> None:
    rules = tuple(
        TaskRule(upstream, TaskOptions(checkpoint=False if task == unkept else None))
        for task, upstream in enumerate(shape)
    )
    events = life_in_order(rules, frozenset(), {}, until=None)[0]
    for moment in range(events + 1):
        _, stored, attempts = life_in_order(rules, frozenset(), {}, until=moment)
        _, after, attempts_after = life_in_order(rules, stored, attempts, until=None)
        assert len(rules) - 1 in after or unkept == len(rules) - 1
        for task in stored:
            assert attempts_after.get(task, 0) == attempts.get(task, 0), "a stored task ran again"


def life_in_order(
    rules: tuple[TaskRule, ...], stored: frozenset[int], attempts: dict[int, int], until: int | None
) -> tuple[int, frozenset[int], dict[int, int]]:
    """Run until the end or so many events: how many there were, and what is in the store then."""
    machine, durable, started = Machine(), set(stored), dict(attempts)
    resumed = bool(stored or attempts)
    events: list[Event] = [Submitted(0.0, rules, stored, tuple(attempts.items()), resumed)]
    count = 0
    while events and count != until:
        event = events.pop(0)
        count += 1
        for action in machine.handle(event):
            if isinstance(action, Start):
                started[action.task] = action.attempt
                events.append(Succeeded(float(count), action.task, action.attempt))
            elif isinstance(action, Checkpoint):
                if action.keep:
                    durable.add(action.task)
                events.append(Stored(float(count), action.task))
        check(machine)
    if until is None:
        assert machine.status is WorkflowStatus.SUCCESSFUL
    return count, frozenset(durable), started
