"""The chain on a disk that takes a millisecond for a sync, as disks mostly do where workflows run."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

from benchmarks.disk import fresh_folder
from benchmarks.floors import FDATASYNC, SQLITE, Workers, pool_on
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate
from benchmarks.slow_disk import SYNC_MICROSECONDS, compiler, environment


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    if compiler() is None:
        return []  # nothing here can make a disk slow
    length = scale.size(full=500, quick=20)
    floor = pool_on(workers, SQLITE)
    programs = {HELIOGRAPH: "chain", SQLITE: "sqlite", FDATASYNC: "fdatasync", floor: "pool"}
    with fresh_folder() as folder:
        slow = environment(folder)
        measured = alternate(
            scale, {who: partial(_rate, slow, workers, program, length) for who, program in programs.items()}
        )
    milliseconds = SYNC_MICROSECONDS / 1_000
    return [
        Figure(
            name=f"chain of {length:,} tasks, {workers}, where a sync takes {milliseconds:g} ms",
            unit="tasks/s",
            better="higher",
            measured=measured,
            bars=(Bar(0.8, SQLITE),),
            note="as the chain above, but every sync is held up until it has taken so long, for all alike",
            floors={HELIOGRAPH: floor},
        )
    ]


def _rate(slow: dict[str, str], workers: Workers, program: str, length: int) -> float:
    command = [sys.executable, "-m", "benchmarks.peers.on_slow_disk", workers, f"{program}={length}"]
    done = subprocess.run(command, env=slow, stdout=subprocess.PIPE, text=True, check=True)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return length / seconds[program]
