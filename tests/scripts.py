"""Python programs in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import forked

ROOT = Path(__file__).parent.parent


def environment(storage: Path) -> dict[str, str]:
    """What a program sees; it may import `tests`."""
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]  # of a worktree without a .venv
    return os.environ | {"HELIOGRAPH_STORAGE": str(storage), "PYTHONPATH": os.pathsep.join(path)}


def start(code: str, storage: Path, *arguments: object) -> forked.Program:
    """Start a program given as text."""
    return forked.python(code, [*map(str, arguments)], environment(storage))


def start_anew(code: str, storage: Path, *arguments: object) -> subprocess.Popen[str]:
    """As `start`, in a new interpreter: for what the interpreter itself does, or a command line shows."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment(storage),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, storage: Path, *arguments: object) -> str:
    """Run a program given as text to its good end; what it printed."""
    with start(code, storage, *arguments) as process:
        printed, errors = process.communicate(timeout=100)
    assert process.returncode == 0, f"exit code {process.returncode}\n{printed}\n{errors}"
    return printed
