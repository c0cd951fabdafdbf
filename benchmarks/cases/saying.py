"""How soon another process sees what a task says while it runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from benchmarks.disk import fresh_folder
from benchmarks.measure import HELIOGRAPH, ON_POSTGRESQL, Bar, Figure, Scale, alternate, check, milliseconds
from heliograph import workflow
from tests.postgresql import server

_P99: Final = 98

PROGRAM: Final = """
import sys, time
from heliograph import workflow

@workflow.task
def talk(count):
    for number in range(count):
        workflow.current().log(f"{number}")
        workflow.current().progress(number + 1, count)
        time.sleep(0.007)

workflow.init(storage=sys.argv[1], workers="processes", num_workers=1)
running = workflow.run_async(talk.bind(int(sys.argv[2])), workflow_id="w")
print("begun", flush=True)
running.result()
"""


def measure(scale: Scale) -> list[Figure]:
    """Lines, as `workflow.watch` gives them, against the time at which they were said."""
    count = scale.size(500, 20)
    with ExitStack() as stack:
        storages: dict[str, Callable[[], Path | str]] = {
            HELIOGRAPH: lambda: stack.enter_context(fresh_folder()),
            ON_POSTGRESQL: lambda: server().database(stack.enter_context(fresh_folder())),
        }
        timed = alternate(scale, {who: partial(_seen, make, count) for who, make in storages.items()})
    bars = Bar(100.0), Bar(100.0, who=ON_POSTGRESQL)
    return [
        Figure(
            f"what a task says, until another process has it, {how}",
            "ms",
            "lower",
            milliseconds({who: tuple([of(delays) for delays in rounds]) for who, rounds in timed.items()}),
            bars,
        )
        for how, of in (("median", median), ("slowest hundredth", _slowest))
    ]


def _slowest(delays: list[float]) -> float:
    return quantiles(delays, n=100)[_P99]


def _seen(make: Callable[[], Path | str], count: int) -> list[float]:
    storage = make()
    command = [sys.executable, "-c", PROGRAM, str(storage), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        workflow.init(storage=storage)
        try:
            delays, texts = [], []
            for change in workflow.watch("w"):
                if change["kind"] == "line":
                    delays.append(time.time() - change["time"])
                    texts.append(change["text"])
        finally:
            workflow.shutdown()
    check(texts, [f"{number}" for number in range(count)], "the lines that were seen")
    if isinstance(storage, str):
        server().drop(storage)
    return delays
