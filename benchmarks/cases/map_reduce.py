"""A map of 1,000 to 100,000 tasks and its reduction by hundreds: what a task costs as they get more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks.disk import fresh_folder
from benchmarks.floors import POOL, Workers, bare_pool, plus_one
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, check
from benchmarks.peers import peer
from benchmarks.peers.telling import STORAGE
from benchmarks.work import GROUP, sum_to

_LOOK_SECONDS: Final = 0.1
_MOST_POINTS: Final = 120


@dataclass(frozen=True, slots=True)
class _Run:
    """How a map-reduce went.

    Attributes:
        cost: microseconds a task.
        peak: megabytes that its process and the workers had at most.
        memory: these over time, as (seconds, megabytes).
    """

    cost: float
    peak: float
    memory: tuple[tuple[float, float], ...]


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    sizes = scale.size(1_000, 100), scale.size(10_000, 200), scale.size(100_000, 400)
    runs = alternate(scale, {str(size): lambda size=size: _run(workers, size) for size in sizes})  # type: ignore[misc]
    figures = []
    for size in sizes:
        floor = alternate(scale, {POOL[workers]: lambda size=size: _bare(workers, size)})  # type: ignore[misc]
        costs = {HELIOGRAPH: tuple([run.cost for run in runs[str(size)]]), **floor}
        if size == sizes[0]:
            costs |= _costs(alternate(scale, peer.rates("map-reduce", scale) if workers == "threads" else {}))
        figures.append(
            Figure(
                name=f"map-reduce of {size:,} tasks, {workers}: cost of a task",
                unit="us",
                better="lower",
                measured=costs,
                bars=peer.bars(costs),
                note="from before `bind` to the output; peers have smaller ones, and Dask has 10,000",
            )
        )
    least, most = runs[str(sizes[0])], runs[str(sizes[-1])]
    growth = tuple([large.cost / small.cost for small, large in zip(least, most, strict=True)])
    peaks = tuple([run.peak for run in most])
    return [
        *figures,
        Figure(
            name=f"cost of a task of {sizes[-1]:,} over that of {sizes[0]:,}, {workers}",
            unit="times",
            better="lower",
            measured={HELIOGRAPH: growth},
            bars=(Bar(1.2),),
        ),
        Figure(
            name=f"peak memory of {sizes[-1]:,} tasks, {workers}",
            unit="MB",
            better="lower",
            measured={HELIOGRAPH: peaks},
            bars=(Bar(500.0),),
            note="resident memory of the program and its workers together, shared pages counted twice",
            series={HELIOGRAPH: most[-1].memory},
        ),
    ]


def _costs(rates: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    return {who: tuple([1e6 / rate for rate in values]) for who, values in rates.items()}


def _run(workers: Workers, size: int) -> _Run:
    with fresh_folder() as folder:
        program = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.on_heliograph", workers, f"map-reduce={size}"],
            cwd=peer.ROOT,
            env=os.environ | {STORAGE: str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        memory: list[tuple[float, float]] = []
        watcher = threading.Thread(target=_watch, args=[program, memory])
        watcher.start()
        said, _ = program.communicate()
        watcher.join()
    check(program.returncode, 0, "exit code of the map-reduce")
    told: dict[str, float] = json.loads(said.splitlines()[-1])
    step = len(memory) // _MOST_POINTS + 1
    return _Run(told["map-reduce"] / size * 1e6, max(size for _, size in memory), tuple(memory[::step]))


def _watch(program: subprocess.Popen[str], memory: list[tuple[float, float]]) -> None:
    start, process = time.monotonic(), psutil.Process(program.pid)
    while program.poll() is None:
        with _gone_is_nothing():
            sizes = [_resident(one) for one in (process, *process.children(recursive=True))]
            memory.append((round(time.monotonic() - start, 2), round(sum(sizes), 1)))
        time.sleep(_LOOK_SECONDS)


def _resident(process: psutil.Process) -> float:
    with _gone_is_nothing():
        return float(process.memory_info().rss) / 1e6
    return 0.0


def _gone_is_nothing() -> suppress:
    return suppress(psutil.NoSuchProcess, psutil.AccessDenied)


def _bare(workers: Workers, size: int) -> float:
    """Microseconds a task."""
    with bare_pool(workers) as pool:
        start = time.perf_counter()
        futures = [pool.submit(plus_one, number) for number in range(size)]
        groups = [
            pool.submit(sum, [future.result() for future in futures[at : at + GROUP]])
            for at in range(0, size, GROUP)
        ]
        output = sum([group.result() for group in groups])
        seconds = time.perf_counter() - start
    check(output, sum_to(size), "the output of the bare map-reduce")
    return seconds / size * 1e6
