"""A disk that takes its time: a millisecond for a sync, as on servers and in clouds, not a tenth of one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

SYNC_MICROSECONDS: Final = 1_000
_SOURCE: Final = Path(__file__).with_name("slow_disk.c")


def compiler() -> str | None:
    """A C compiler; None: there is none, and no slow disk."""
    return shutil.which("cc")


def environment(folder: Path) -> dict[str, str]:
    """Of programs on such a disk.

    Args:
        folder: has room for the library that slows syncs down.
    """
    library = folder / "slow_disk.so"
    subprocess.run(
        [compiler() or "cc", "-O2", "-shared", "-fPIC", _SOURCE, "-o", library, "-ldl"], check=True
    )
    slow = {"LD_PRELOAD": str(library), "SLOW_DISK_MICROSECONDS": str(SYNC_MICROSECONDS)}
    return os.environ | slow
