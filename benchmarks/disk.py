"""Fresh folders on a real disk: a commit to memory costs nothing and says nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """An empty folder where temporary files go (``TMPDIR``), gone afterwards.

    Raises:
        RuntimeError: temporary files go to memory.
    """
    with tempfile.TemporaryDirectory(prefix="heliograph-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        kind = filesystem_of(folder)
        if kind in _IN_MEMORY:
            raise RuntimeError(f"{folder.parent} is in memory ({kind}): set TMPDIR to a folder on a disk")
        yield folder


def filesystem_of(folder: Path) -> str:
    """The type of a folder's filesystem; ``?`` where the system does not tell."""
    try:
        mounts = Path("/proc/mounts").read_text()
    except OSError:
        return "?"
    best, kind = "", "?"
    for line in mounts.splitlines():
        _, point, found, *_ = line.split()
        point = point.replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind
