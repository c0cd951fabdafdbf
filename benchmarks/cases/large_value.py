"""An output of a gigabyte: how fast its worker stores it, and how much memory that takes."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.disk import fresh_folder
from benchmarks.floors import FDATASYNC
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, check
from heliograph import workflow

if TYPE_CHECKING:
    import numpy

_BARE: Final = """
import os, resource, sys, time
from benchmarks.cases.large_value import noise

array = noise(int(sys.argv[2]))
start = time.perf_counter()
with open(sys.argv[1], "wb", buffering=0) as file:
    view = memoryview(array).cast("B")
    while view:
        view = view[file.write(view):]
    os.fsync(file)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def noise(size: int) -> numpy.ndarray[Any, Any]:
    """An array that can't be compressed."""
    import numpy

    return numpy.random.default_rng(1).integers(0, 2**64, size // 8, "u8")


@workflow.task
def make(size: int) -> Any:
    return noise(size)


def measure(scale: Scale) -> list[Figure]:
    size = scale.size(full=2**30, quick=2**26)
    measured = alternate(scale, {HELIOGRAPH: lambda: _heliograph(size), FDATASYNC: lambda: _bare(size)})
    name = f"an array of {size / 2**30:.3g} GiB"
    return [
        Figure(
            name=f"{name} stored as an output",
            unit="MB/s",
            better="higher",
            measured={
                who: tuple(size / seconds / 1e6 for seconds, _, _ in found) for who, found in measured.items()
            },
            bars=(Bar(0.7, FDATASYNC),),
            note="random numbers, which can't be compressed; floor: the same memory written and synced",
        ),
        Figure(
            name=f"most memory of the worker, over the size of {name}",
            unit="times",
            better="lower",
            measured={who: tuple(most / size for _, most, _ in found) for who, found in measured.items()},
            bars=(Bar(2.2),),
        ),
        Figure(
            name=f"{name} checked and read by `get_output`",
            unit="MB/s",
            better="higher",
            measured={HELIOGRAPH: tuple(size / seconds / 1e6 for *_, seconds in measured[HELIOGRAPH])},
        ),
    ]


def _heliograph(size: int) -> tuple[float, float, float]:
    """Seconds to store it, bytes of memory at most, seconds to read it again."""
    with fresh_folder() as folder:
        workflow.init(storage=folder, num_workers=1)
        try:
            workflow.run(make.options(name="warm").bind(8))
            future = workflow.run_async(make.options(name="make").bind(size), workflow_id="large")
            future.exception()
            start = time.perf_counter()
            output = workflow.get_output("large")
            read = time.perf_counter() - start
            check(output.nbytes, size, "bytes of the output")
            stats = workflow.get_metadata("large", "make")["stats"]
            return stats["store"], stats["peak_rss"], read
        finally:
            workflow.shutdown()


def _bare(size: int) -> tuple[float, float, float]:
    with fresh_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _BARE, str(folder / "bare"), str(size)],
            capture_output=True,
            text=True,
            check=False,
        )
    check((done.returncode, done.stderr), (0, ""), "the end of the process that writes by itself")
    seconds, most = map(float, done.stdout.split())
    return seconds, most, 0.0
