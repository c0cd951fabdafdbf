"""How many CPUs this process may use: what a default number of workers goes by.

A container that was given two of its host's 64 CPUs may run on any of them, and sees them all. Linux holds it
to two by a quota of its control group: so much time on CPUs in each period.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath

_ROOT = Path("/")


def usable_cpus() -> int:
    """How many: those it may run on, and of them no more than its quota is worth, rounded up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([allowed, *_quotas(_ROOT)])


def _quotas(root: Path) -> Iterator[int]:
    """What this process's control groups are held to, in CPUs.

    Args:
        root: of the file system.
    """
    for folder, is_first_version in _groups(root):
        files = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if is_first_version else ("cpu.max",)
        # One without a limit has -1 or the word `max`; the outermost one of a machine has no file.
        with suppress(OSError, ValueError):
            words = " ".join([(folder / file).read_text("ascii") for file in files]).split()
            quota, period = map(int, words)
            if quota > 0 and period > 0:
                yield math.ceil(quota / period)


def _groups(root: Path) -> Iterator[tuple[Path, bool]]:
    """The folders of the groups that this process is in, and of those around them, which hold it too.

    With each: whether it is of control groups' first version. A container's own group may be mounted as the
    outermost one, by whatever name the process has it: then the others are not there.
    """
    try:
        written = os.fsdecode((root / "proc/self/cgroup").read_bytes())
    except OSError:  # not Linux
        return
    # A name may have anything else in it that ends a line for Python.
    for line in filter(None, written.split("\n")):
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounted = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        own = PurePath(name.strip("/"))
        for group in (own, *own.parents):
            yield mounted / group, bool(controllers)
