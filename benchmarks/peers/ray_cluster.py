"""What all that is measured on Ray shares: a cluster of its own."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import ray

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


def random_numbers(count: int) -> Any:
    """Of eight bytes each, always the same; nothing makes them smaller."""
    return numpy.random.default_rng(1).integers(0, 2**62, count)
