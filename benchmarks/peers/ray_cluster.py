"""What all that is measured on Ray shares: a cluster of its own, and how a process tells its figures.

    python -m benchmarks.peers.ray_raw fan-out=2000 chain=300

prints one line of JSON: the seconds that each program took.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

Program = Callable[[int], float]
"""Takes a size, does its work, and returns the seconds that it took."""

ARRAY_LENGTH = 5
"""Tasks in the chain that a large array goes through."""


@contextmanager
def cluster(**more: Any) -> Iterator[Path]:
    """A cluster of two CPUs for this process, and an empty folder beside its files; gone afterwards."""
    warnings.simplefilter("ignore")
    # Paths of sockets are short. And Ray writes down there which cluster a machine has.
    with tempfile.TemporaryDirectory(prefix="hgb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        storage = folder / "storage"
        storage.mkdir()
        given = {name: value(storage) if callable(value) else value for name, value in more.items()}
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=2 * 1024**3,
            log_to_driver=False,
            logging_level="ERROR",
            _temp_dir=str(folder / "ray"),
            **given,
        )
        try:
            yield storage
        finally:
            ray.shutdown()


def tell(programs: Mapping[str, Program]) -> None:
    """Run the programs that the command line asks for, and print how long each took."""
    wanted = [argument.partition("=") for argument in sys.argv[1:]]
    print(json.dumps({name: programs[name](int(size)) for name, _, size in wanted if name in programs}))


def check(found: object, expected: object) -> None:
    """A benchmark of wrong results is worth nothing."""
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")
