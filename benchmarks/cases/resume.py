"""A workflow that failed when half of it was done, resumed by a new engine."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from benchmarks.disk import fresh_folder
from benchmarks.measure import FLOOR, HELIOGRAPH, Figure, Scale, alternate, check
from benchmarks.work import Workers, engine, increment, total
from heliograph import workflow


@workflow.task
def gate(_numbers: list[int], key: str) -> int:
    """Fails until its key is there."""
    if not Path(key).exists():
        raise RuntimeError("the gate is shut")
    return 1


@workflow.task
def add(left: int, right: int) -> int:
    return left + right


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    count = scale.size(full=2_000, quick=200)
    measured = alternate(
        scale,
        {HELIOGRAPH: lambda: _resumed(workers, count), FLOOR: lambda: _afresh(workers, count // 2)},
    )
    return [
        Figure(
            name=f"resume of {count:,} tasks, half of them done, {workers}",
            unit="ms",
            better="lower",
            measured={who: tuple([seconds * 1e3 for seconds in values]) for who, values in measured.items()},
            floor="the other half as a new workflow",
            note="from `resume` by a new engine to the output",
        )
    ]


def _resumed(workers: Workers, count: int) -> float:
    half = count // 2
    with fresh_folder() as folder:
        storage, key = folder / "storage", folder / "key"
        with engine(workers, storage):
            opened = gate.bind([increment.bind(number) for number in range(half)], str(key))
            dag = total.bind([add.bind(number, opened) for number in range(half)])
            with suppress(workflow.WorkflowExecutionError):
                workflow.run(dag, workflow_id="half")
            check(workflow.get_metadata("half")["progress"]["by_status"]["SUCCESSFUL"], half, "tasks done")
        key.touch()
        with engine(workers, storage):
            start = time.perf_counter()
            output = workflow.resume("half")
            seconds = time.perf_counter() - start
            check(output, half * (half + 1) // 2, "the output of the resumed workflow")
            check(workflow.get_metadata("half")["progress"]["done"], count + 2, "tasks stored as done")
    return seconds


def _afresh(workers: Workers, half: int) -> float:
    with engine(workers):
        start = time.perf_counter()
        output = workflow.run(total.bind([add.bind(number, 1) for number in range(half)]))
        seconds = time.perf_counter() - start
    check(output, half * (half + 1) // 2, "the output of the new workflow")
    return seconds
