"""What the cluster runs: random DAGs of tasks that log each of their executions."""

from __future__ import annotations

import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

from heliograph import workflow


@workflow.task
def step(log: Path, name: str, seconds: float, *inputs: str) -> str:
    """Note this execution, under a name that no other has, with those whose outputs it was given."""
    execution = uuid.uuid4().hex
    time.sleep(seconds)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(handle, f"{name} {execution} {' '.join(inputs)}\n".encode())
    finally:
        os.close(handle)
    return execution


def random_dag(chance: random.Random, log: Path, workflow_id: str) -> Any:
    """Two to twelve tasks, each needing some of those before; the last one needs all that nobody needs."""
    nodes: list[Any] = []
    unneeded: set[int] = set()
    for number in range(chance.randint(1, 11)):
        needed = [place for place in range(len(nodes)) if chance.random() < 0.3]
        unneeded -= set(needed)
        unneeded.add(number)
        nodes.append(_node(chance, log, workflow_id, number, [nodes[place] for place in needed]))
    return _node(chance, log, workflow_id, len(nodes), [nodes[place] for place in sorted(unneeded)])


def _node(chance: random.Random, log: Path, workflow_id: str, number: int, inputs: list[Any]) -> Any:
    name = f"t{number}"
    seconds = chance.choice([0.0, 0.0, 0.01, 0.05])
    return step.options(name=name, max_retries=-1).bind(log, f"{workflow_id}/{name}", seconds, *inputs)
