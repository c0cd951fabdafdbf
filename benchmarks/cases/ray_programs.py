"""The same programs on heliograph, on bare Ray and on the last `ray.workflow`.

Each in a process, on a cluster and, where it needs one, in an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.disk import fresh_folder
from benchmarks.floors import SQLITE
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate
from benchmarks.peers.telling import STORAGE

ROOT: Final = Path(__file__).parent.parent.parent
PEER: Final = "ray.workflow"
BARE: Final = "bare Ray"
STORED: Final = f"{BARE}, and {SQLITE}"
_PEER_PYTHON: Final = ROOT / ".venv-peers" / "ray-workflow" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class _Program:
    """A program, as each contender has it.

    Attributes:
        title: what it does; ``{}`` is its size.
        full, quick: its size.
        unit: of what is told: so many of it a second, or the seconds that it took.
        bar: how many times as fast as bare Ray it has to be; None: the floor there is another thing.
        note: what bare Ray does.
    """

    title: str
    full: int
    quick: int
    unit: str
    bar: float | None
    note: str


_PROGRAMS: Final = {
    "fan-out": _Program(
        *("Ray: fan-out of {:,} tasks", 2_000, 100, "tasks/s", 1.0), "`ray.get` of as many bare tasks"
    ),
    "fan-out-alone": _Program(
        *("Ray: fan-out of {:,} tasks that may not be batched", 2_000, 100, "tasks/s", 0.9),
        "`ray.get` of as many bare tasks",
    ),
    "chain": _Program(
        *("Ray: chain of {:,} tasks", 300, 20, "tasks/s", 0.8), "bare tasks, each awaited with `ray.get`"
    ),
    "at-once": _Program(
        *("Ray: {:,} workflows of one task at once", 200, 20, "workflows/s", None),
        f"as many bare tasks; {STORED}: an actor that gives references stores a small row, has a bare "
        "task run, and stores another",
    ),
    "array": _Program(
        *("Ray: an array of {:,} MB through 5 tasks", 100, 10, "s", 1 / 1.3),
        "bare Ray, and after it the bare writing of the five files",
    ),
}


def measure(scale: Scale, names: Sequence[str] = tuple(_PROGRAMS)) -> list[Figure]:
    """Every contender starts its own cluster once a round, and runs all the programs."""
    sizes = {name: scale.size(_PROGRAMS[name].full, _PROGRAMS[name].quick) for name in names}
    contenders = {
        HELIOGRAPH: lambda: _seconds("ray_heliograph", sys.executable, sizes),
        BARE: lambda: _seconds("ray_raw", sys.executable, sizes),
    }
    if "at-once" in names:
        at_once = {"at-once": sizes["at-once"]}
        contenders[STORED] = lambda: _seconds("ray_stored", sys.executable, at_once)
    if _PEER_PYTHON.exists():
        contenders[PEER] = lambda: _seconds("ray_workflow", str(_PEER_PYTHON), sizes)
    measured = alternate(scale, contenders)
    return [_figure(name, sizes[name], measured) for name in names]


def _seconds(module: str, python: str, sizes: dict[str, int]) -> dict[str, float]:
    wanted = [f"{name}={size}" for name, size in sizes.items()]
    with fresh_folder() as folder:
        done = subprocess.run(
            [python, "-W", "ignore", "-m", f"benchmarks.peers.{module}", *wanted],
            cwd=ROOT,
            env=os.environ | {STORAGE: str(folder)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _figure(name: str, size: int, measured: dict[str, tuple[dict[str, float], ...]]) -> Figure:
    program = _PROGRAMS[name]
    is_rate = program.unit != "s"
    values = {
        who: tuple([size / round_[name] if is_rate else round_[name] for round_ in rounds])
        for who, rounds in measured.items()
        if name in rounds[0]
    }
    bars = [] if program.bar is None else [Bar(program.bar, BARE)]
    if PEER in values and name != "array":
        bars.append(Bar(20.0, PEER))
    return Figure(
        name=program.title.format(size),
        unit=program.unit,
        better="higher" if is_rate else "lower",
        measured=values,
        bars=tuple(bars),
        note=f"{BARE}: {program.note}",
        floors={HELIOGRAPH: STORED} if STORED in values else {},
    )
