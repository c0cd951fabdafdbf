"""What waiting costs: `python -m benchmarks.waiting`.

So many workflows sleep, and so many wait for an event, at the same time on one embedded engine. Printed is
the memory of the engine's process and of its workers while nothing moves, and how fast they came in.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psutil

from benchmarks.floors import Workers
from benchmarks.measure import check
from benchmarks.work import engine
from heliograph import workflow

MEGABYTE: Final = 1e6
LONG: Final = 3_600.0


class Quiet(workflow.EventListener):
    """Waits for an event that never comes."""

    async def poll_for_event(self) -> None:
        await asyncio.get_running_loop().create_future()


KINDS: Final[dict[str, Callable[[], Any]]] = {
    "sleeping": lambda: workflow.sleep(LONG),
    "waiting for an event": lambda: workflow.wait_for_event(Quiet),
}


def memory() -> tuple[float, list[float]]:
    """Megabytes resident: of this process, and of each worker."""
    gc.collect()
    me = psutil.Process()
    children = [child.memory_info().rss / MEGABYTE for child in me.children(recursive=True)]
    return me.memory_info().rss / MEGABYTE, sorted(children, reverse=True)


def until_at_rest(ids: Sequence[str]) -> None:
    """Wait until every workflow's first task is seen to wait or to run."""
    for workflow_id in ids:
        while not workflow.get_metadata(workflow_id)["progress"]["by_status"].keys() & {"WAITING", "RUNNING"}:
            time.sleep(0.05)


def measure(kind: str, workers: Workers, count: int) -> None:
    with engine(workers):
        before, _ = memory()
        start = time.perf_counter()
        ids = [f"{kind} {number}" for number in range(count)]
        # The futures are kept, as a program that waits for the outputs would keep them.
        futures = [workflow.run_async(KINDS[kind](), workflow_id=workflow_id) for workflow_id in ids]
        submitted = time.perf_counter() - start
        until_at_rest(ids)
        mine, others = memory()
        check(any(future.done() for future in futures), False, "a workflow has ended")
        print(
            f"{count:,} workflows {kind}, {workers}: {mine + sum(others):.0f} MB"
            f" = engine {mine:.0f} (before: {before:.0f}) + workers {' + '.join(f'{m:.0f}' for m in others)};"
            f" {(mine - before) * 1e3 / count:.1f} kB a workflow in the engine;"
            f" submitted one after the other: {count / submitted:.0f} a second"
        )
        answers = [time_of(workflow.get_status, workflow_id) for workflow_id in ids[:: max(1, count // 200)]]
        print(f"  get_status meanwhile: {sorted(answers)[len(answers) // 2] * 1e3:.2f} ms")
        start = time.process_time()
        time.sleep(2)
        print(f"  processor time of the engine at rest: {(time.process_time() - start) / 2:.1%}")


def time_of(function: Callable[[str], object], argument: str) -> float:
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"default: {', '.join(KINDS)}")
    parser.add_argument("--count", type=int, default=10_000, metavar="N")
    parser.add_argument("--workers", choices=["processes", "threads"], default="processes")
    given = parser.parse_args(argv)
    for kind in given.kinds or KINDS:
        if kind not in KINDS:
            parser.error(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
        measure(kind, given.workers, given.count)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
