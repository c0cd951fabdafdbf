"""A workflow that failed when half of it, or nearly all of it, was done: resumed by a new engine."""

from __future__ import annotations

import time
from contextlib import suppress

from benchmarks.disk import fresh_folder
from benchmarks.floors import Workers
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, check, milliseconds
from benchmarks.peers import peer
from benchmarks.tasks import add, gate, increment, total
from benchmarks.work import engine, sum_to
from heliograph import workflow


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    count = scale.size(full=10_000, quick=200)
    halves = {
        HELIOGRAPH: lambda: count / _resumed(workers, count // 2, count // 2),
        "the other half as a new workflow": lambda: count / _afresh(workers, count // 2),
    }
    if workers == "threads":
        halves |= peer.rates("resume", scale)
    half_done = alternate(scale, halves)
    stored = milliseconds(alternate(scale, {HELIOGRAPH: lambda: _resumed(workers, count, 0)}))
    note = "from `resume` by a new engine to the output"
    return [
        Figure(
            name=f"resume of {count:,} tasks, half of them done, {workers}",
            unit="tasks/s",
            better="higher",
            measured=half_done,
            bars=peer.bars(half_done),
            note=f"{note}; tasks are all there are, done or not",
        ),
        Figure(
            name=f"resume of {count:,} tasks that are stored, {workers}",
            unit="ms",
            better="lower",
            measured=stored,
            bars=(Bar(1_000.0),),
            note=f"{note}, which two more tasks make",
        ),
    ]


def _resumed(workers: Workers, done: int, left: int) -> float:
    """Seconds to resume a workflow with so many tasks done, and so many others to do."""
    with fresh_folder() as folder:
        storage, key = folder / "storage", folder / "key"
        with engine(workers, storage):
            opened = gate.bind([increment.bind(number) for number in range(done)], str(key))
            dag = total.bind([opened, *[add.bind(number, opened) for number in range(left)]])
            with suppress(workflow.WorkflowExecutionError):
                workflow.run(dag, workflow_id="stopped")
            check(workflow.get_metadata("stopped")["progress"]["by_status"]["SUCCESSFUL"], done, "tasks done")
        key.touch()
        with engine(workers, storage):
            start = time.perf_counter()
            output = workflow.resume("stopped")
            seconds = time.perf_counter() - start
            check(output, sum_to(left) + 1, "the output of the resumed workflow")
            check(
                workflow.get_metadata("stopped")["progress"]["done"], done + left + 2, "tasks stored as done"
            )
    return seconds


def _afresh(workers: Workers, half: int) -> float:
    with engine(workers):
        start = time.perf_counter()
        output = workflow.run(total.bind([add.bind(number, 1) for number in range(half)]))
        seconds = time.perf_counter() - start
    check(output, sum_to(half), "the output of the new workflow")
    return seconds
