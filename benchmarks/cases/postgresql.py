"""A fan-out on PostgreSQL: by one engine, and by two at once on one server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Final

import psycopg

from benchmarks.floors import POSTGRESQL, fresh_postgresql
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, check

_TWO: Final = "two engines at once"
_BAR: Final = 3_000.0
_TWO_BAR: Final = 1.7
_BATCH: Final = 200  # about as many tasks as one commit of a fan-out carries

_PROGRAM: Final = """
import sys, time
from benchmarks.tasks import increment, total
from heliograph import workflow

count, name = int(sys.argv[1]), sys.argv[2]
workflow.init(workers="threads")
workflow.run(increment.bind(0))
print("ready", flush=True)
sys.stdin.readline()
begin = time.time()
output = workflow.run(total.bind([increment.bind(number) for number in range(count)]), workflow_id=name)
print(begin, time.time(), output, flush=True)
sys.stdin.readline()
"""


def measure(scale: Scale) -> list[Figure]:
    count = scale.size(full=5_000, quick=200)
    measured = alternate(
        scale,
        {
            HELIOGRAPH: lambda: _engines(1, count),
            _TWO: lambda: _engines(2, count),
            POSTGRESQL: lambda: _bare(count),
        },
    )
    return [
        Figure(
            name=f"fan-out of {count:,} tasks on PostgreSQL, threads",
            unit="tasks/s",
            better="higher",
            measured=measured,
            bars=(Bar(_BAR), Bar(_TWO_BAR, who=_TWO, against=HELIOGRAPH)),
            note="engines, each a process with its own fan-out, and the server share the machine; "
            f"floor: two small rows a task, {_BATCH} tasks a commit, pipelined",
        )
    ]


def _engines(engines: int, count: int) -> float:
    """Tasks a second, all engines together."""
    with fresh_postgresql() as url:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(count), f"fan-out-{number}"],
                env=os.environ | {"HELIOGRAPH_STORAGE": url},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(engines)
        ]
        try:
            for process in processes:
                check(_said(process), "ready", "an engine that is ready")
            for process in processes:
                _tell(process)
            ended = [_said(process).split() for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()
    expected = count * (count + 1) // 2
    check([int(output) for _, _, output in ended], [expected] * engines, "the outputs of the fan-outs")
    seconds = max(float(end) for _, end, _ in ended) - min(float(begin) for begin, _, _ in ended)
    return engines * count / seconds


def _bare(count: int) -> float:
    with fresh_postgresql() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tries (task int PRIMARY KEY, started float8, ended float8)")
        connection.execute("CREATE TABLE outputs (task int PRIMARY KEY, data bytea NOT NULL)")
        start = time.perf_counter()
        for first in range(0, count, _BATCH):
            numbers = range(first, min(first + _BATCH, count))
            with connection.transaction(), connection.cursor() as cursor:
                tries = [(number, start, start) for number in numbers]
                cursor.executemany("INSERT INTO tries VALUES (%s, %s, %s)", tries)
                cursor.executemany("INSERT INTO outputs VALUES (%s, %s)", [(n, b"12") for n in numbers])
        return count / (time.perf_counter() - start)


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
