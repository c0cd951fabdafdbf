"""Where the time of a case goes, thread by thread: `python -m benchmarks.profile_case fan-out-threads`.

Twice over the same work. First untouched: how much processor time each thread took. Then with cProfile in
every thread, counting processor time, so that waiting for the interpreter lock or the disk isn't blamed on
whoever waits. Both are divided by the number of tasks. What worker processes do is not seen.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import heliograph
from benchmarks.floors import Workers
from benchmarks.tasks import increment, total
from benchmarks.work import engine
from heliograph import workflow


@dataclass(frozen=True, slots=True)
class Work:
    """What is profiled: `run` does `tasks` tasks' worth of it."""

    tasks: int
    workers: Workers
    run: Callable[[int], object]


def _fan_out(count: int) -> object:
    return workflow.run(total.bind([increment.bind(number) for number in range(count)]))


def _chain(length: int) -> object:
    node = increment.bind(0)
    for _ in range(length - 1):
        node = increment.bind(node)
    return workflow.run(node)


def _at_once(count: int) -> object:
    futures = [workflow.run_async(increment.bind(number)) for number in range(count)]
    return [future.result() for future in futures]


def _get_metadata(calls: int) -> object:
    workflow.run(increment.bind(0), workflow_id="read")
    return [workflow.get_metadata("read")["status"] for _ in range(calls)]


WORK: Final = {
    "fan-out-threads": Work(2_000, "threads", _fan_out),
    "fan-out-processes": Work(2_000, "processes", _fan_out),
    "chain-threads": Work(500, "threads", _chain),
    "chain-processes": Work(500, "processes", _chain),
    "at-once-threads": Work(1_000, "threads", _at_once),
    "at-once-processes": Work(1_000, "processes", _at_once),
    "get-metadata": Work(5_000, "threads", _get_metadata),
}


STAGES: Final = {
    ("graph/task.py", "bind"): "bind: a node",
    ("graph/plan.py", "make_plan"): "the plan: arguments pickled, tasks numbered",
    ("storage/values/arguments.py", "place_arguments"): "arguments written if they are large",
    ("engines/attempts/attempt.py", "load"): "in the worker: function, arguments and inputs loaded",
    ("engines/attempts/attempt.py", "keep"): "in the worker: output pickled, hashed, or written if large",
    ("engines/attempts/attempt.py", "succeeded"): "in the worker: what it used is read, and the receipt made",
    ("engines/loop/performer.py", "ended"): "a receipt: told to the machine, turned into news",
    ("engines/loop/performer.py", "_hand_out"): "an attempt: put together and handed to a worker",
    ("storage/journal/submissions.py", "store"): "rows of a new workflow, arguments hashed",
    ("storage/journal/journal.py", "_write"): "rows of what happened: attempt, output, status, change",
    ("storage/journal/journal.py", "_holds"): "the workflow's own row, and whether it is still ours",
    ("storage/databases/sqlite.py", "begin"): "BEGIN",
    ("storage/databases/sqlite.py", "commit"): "COMMIT: what SQLite and the disk take",
}
"""Stretches of the work, by the function that does them."""
_HOME: Final = Path(heliograph.__file__).parent
WITHIN: Final = {("engines/loop/performer.py", "_hand_out_more"): ("engines/loop/performer.py", "ended")}
"""Who does one of these within another one: it counts as the inner one alone."""


@dataclass(slots=True)
class Threads:
    """What the threads of a stretch of work did, by the kind of thread: its name without its number."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    profiles: dict[str, list[cProfile.Profile]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def watched(self, kind: str, profiled: bool) -> Iterator[None]:
        """Count what the current thread does meanwhile."""
        profile = cProfile.Profile(time.thread_time) if profiled else None
        start = time.thread_time()
        if profile is not None:
            profile.enable()
        try:
            yield
        finally:
            if profile is not None:
                profile.disable()
            with self._lock:
                self.seconds[kind] += time.thread_time() - start
                if profile is not None:
                    self.profiles[kind].append(profile)


@contextmanager
def every_thread(threads: Threads, profiled: bool) -> Iterator[None]:
    """Watch each thread that is started meanwhile: a profile belongs to one thread."""
    run = threading.Thread.run

    def watched_run(thread: threading.Thread) -> None:
        with threads.watched(thread.name.rstrip("0123456789").rstrip("-_ "), profiled):
            run(thread)

    threading.Thread.run = watched_run  # type: ignore[method-assign]
    try:
        yield
    finally:
        threading.Thread.run = run  # type: ignore[method-assign]


def observe(work: Work, profiled: bool) -> tuple[float, Threads]:
    """Do the work once; how long it took, and who did what. The engine's start and end are among it."""
    threads = Threads()
    with every_thread(threads, profiled), engine(work.workers):
        start = time.perf_counter()
        with threads.watched("main", profiled):
            work.run(work.tasks)
        seconds = time.perf_counter() - start
    return seconds, threads


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_case", description=__doc__)
    parser.add_argument("case", choices=WORK)
    parser.add_argument("--top", type=int, default=25, metavar="N", help="functions a thread (default: 25)")
    given = parser.parse_args(argv)
    work = WORK[given.case]

    seconds, plain = min([observe(work, profiled=False) for _ in range(3)], key=lambda seen: seen[0])
    print(f"{given.case}: {work.tasks:,} in {seconds:.3f} s, {seconds / work.tasks * 1e6:.0f} us each")
    for kind, used in sorted(plain.seconds.items(), key=lambda item: -item[1]):
        print(f"  {used / work.tasks * 1e6:8.1f} us of processor time each: {kind}")
    if sys.version_info >= (3, 12):
        print("From Python 3.12 on, cProfile can't tell threads apart: use 3.11 to see functions.")
        return 0

    _, threads = observe(work, profiled=True)
    _print_stages(plain, threads, work.tasks)
    for kind, profiles in threads.profiles.items():
        _print_top(kind, profiles, work.tasks, given.top)
    return 0


def _print_stages(plain: Threads, profiled: Threads, tasks: int) -> None:
    """What each stretch takes, as a share of what its thread took when nobody watched."""
    print("\nby stretch, in the order of a task's life: us of processor time each")
    found: dict[tuple[str, str], float] = defaultdict(float)
    rest: dict[str, float] = {}
    for kind, profiles in profiled.profiles.items():
        scale = plain.seconds[kind] / profiled.seconds[kind] / tasks * 1e6
        rest[kind] = plain.seconds[kind] / tasks * 1e6
        stats: dict[Any, Any] = pstats.Stats(*profiles).stats  # type: ignore[attr-defined]
        for (file, _, name), (_, _, _, cumulative, _) in stats.items():
            stage = (_place(file), name)
            if stage in STAGES:
                found[stage] += cumulative * scale
                rest[kind] -= cumulative * scale
            if stage in WITHIN:
                found[WITHIN[stage]] -= cumulative * scale
                rest[kind] += cumulative * scale
    for stage, said in STAGES.items():
        if found[stage] >= 0.05:
            print(f"{found[stage]:9.1f}  {said}")
    for kind, left in rest.items():
        if left >= 0.05:
            print(f"{left:9.1f}  all else in {kind}")


def _place(file: str) -> str:
    """The file within heliograph; of another one its name and folder."""
    path = Path(file)
    return str(path.relative_to(_HOME)) if path.is_relative_to(_HOME) else f"{path.parent.name}/{path.name}"


def _print_top(kind: str, profiles: list[cProfile.Profile], tasks: int, top: int) -> None:
    print(f"\n{kind}: functions by their own time, profiled (so all are slower than they are)")
    print("   calls    own us    all us  each of the work")
    stats = pstats.Stats(*profiles)
    functions: list[tuple[Any, Any]] = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    for (file, line, name), (_, calls, own, cumulative, _) in functions[:top]:
        place = name if file == "~" else f"{_place(file)}:{line} {name}"
        print(f"{calls / tasks:8.2f} {own / tasks * 1e6:9.2f} {cumulative / tasks * 1e6:9.2f}  {place}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
