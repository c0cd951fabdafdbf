"""A DAG of 200 tasks: a diamond of diamonds, chains, a fan-out, and what random draws make of the rest."""

from __future__ import annotations

import random
import time
from functools import cache
from pathlib import Path

from heliograph import workflow
from tests.conditions import until
from tests.gates import Ledger

COUNT = 200


@cache
def upstream() -> tuple[tuple[int, ...], ...]:
    """The upstream tasks of each task; the last one needs all that nobody else needs."""
    draw = random.Random(200)
    needs: list[tuple[int, ...]] = [(), ()]
    needs += [(0,), (0,), (2, 3)]  # a diamond
    needs += [(4,), (4, 1), (5, 6)]  # another below it
    for _ in range(5):  # chains
        start = len(needs)
        needs.append(())
        needs += [(number,) for number in range(start, start + 12)]
    hub = len(needs)
    needs.append((7,))
    needs += [(hub,)] * 40  # a fan-out
    needs.append(tuple(range(hub + 1, hub + 41)))
    while len(needs) < COUNT - 1:
        needs.append(tuple(sorted(draw.sample(range(len(needs)), draw.randint(0, 3)))))
    used = {number for of_task in needs for number in of_task}
    needs.append(tuple(number for number in range(len(needs)) if number not in used))
    return tuple(needs)


def value(number: int, inputs: list[int]) -> int:
    """What a task makes of its inputs."""
    return (number * 31 + sum(place * given for place, given in enumerate(inputs, 7)) + 1) % 1_000_003


@cache
def expected() -> tuple[int, ...]:
    """The output of each task."""
    values: list[int] = []
    for number, needs in enumerate(upstream()):
        values.append(value(number, [values[needed] for needed in needs]))
    return tuple(values)


def held(ledger: Ledger) -> Path:
    """While there is this file, the last task does not end: nobody is too late to kill who runs it."""
    return ledger.path.with_name("held")


@workflow.task(max_retries=-1)  # killed as often as it may be
def step(ledger: Ledger, number: int, *inputs: int) -> int:
    ledger.note(f"{number}")
    time.sleep(0.005)  # the work
    if number == COUNT - 1:
        until(lambda: not held(ledger).exists(), what="the last task to be let go")
    return value(number, list(inputs))


def build(ledger: Ledger) -> workflow.Node:
    nodes: list[workflow.Node] = []
    for number, needs in enumerate(upstream()):
        inputs = [nodes[needed] for needed in needs]
        nodes.append(step.options(name=f"{number}").bind(ledger, number, *inputs))
    return nodes[-1]
