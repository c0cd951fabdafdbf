"""Large values: tasks that make megabytes, and tasks that take them."""

from __future__ import annotations

import os
import time
from typing import Final

from benchmarks.disk import fresh_folder
from benchmarks.floors import FDATASYNC, Workers
from benchmarks.measure import HELIOGRAPH, ON_POSTGRESQL, Figure, Scale, alternate, check
from benchmarks.peers import peer
from benchmarks.tasks import make, measured, total
from benchmarks.work import engine, engine_on_postgresql
from heliograph import workflow

_PIECES: Final = 8


def measure(workers: Workers, scale: Scale) -> list[Figure]:
    megabytes = scale.size(full=256, quick=8)

    def heliograph() -> float:
        with engine(workers):
            return _rate(megabytes)

    def on_postgresql() -> float:
        with engine_on_postgresql(workers):
            return _rate(megabytes)

    contenders = {
        HELIOGRAPH: heliograph,
        ON_POSTGRESQL: on_postgresql,
        FDATASYNC: lambda: _written(megabytes),
        **peer.rates("values", scale),
    }
    found = alternate(scale, contenders)
    return [
        Figure(
            name=f"{megabytes} MB in {_PIECES} values made and taken, {workers}",
            unit="MB/s",
            better="higher",
            measured=found,
            bars=peer.bars(found),
            note="floor: files of that size, each forced to the disk; nothing is read back",
            floors={HELIOGRAPH: FDATASYNC, ON_POSTGRESQL: FDATASYNC},
        )
    ]


def _rate(megabytes: int) -> float:
    size = megabytes * 1_000_000 // _PIECES
    start = time.perf_counter()
    output = workflow.run(total.bind([measured.bind(make.bind(size, number)) for number in range(_PIECES)]))
    seconds = time.perf_counter() - start
    check(output, size * _PIECES, "the size of all values")
    return megabytes / seconds


def _written(megabytes: int) -> float:
    size = megabytes * 1_000_000 // _PIECES
    with fresh_folder() as folder:
        start = time.perf_counter()
        for number in range(_PIECES):
            with (folder / str(number)).open("wb") as file:
                file.write(bytes([number]) * size)
                os.fdatasync(file.fileno())
        return megabytes / (time.perf_counter() - start)
