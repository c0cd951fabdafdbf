"""From nothing to the first result: new processes, a new storage, the default settings."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import cache_from_source
from pathlib import Path

import heliograph
from benchmarks.disk import fresh_folder
from benchmarks.measure import HELIOGRAPH, Bar, Figure, Scale, alternate, check, milliseconds
from benchmarks.peers import peer

_PYTHON = "bare Python"

_PROGRAM = """\
from heliograph import workflow

@workflow.task
def add(left, right):
    return left + right

print(workflow.run(add.bind(1, 2)), flush=True)
"""
_THREADS = """\
from heliograph import workflow
workflow.init(workers="threads")
"""
_IMPORT = """\
import time
start = time.perf_counter()
from heliograph import workflow
print(time.perf_counter() - start)
"""


def measure(scale: Scale) -> list[Figure]:
    _first_line(_PROGRAM)  # what is compiled and read for the first time ever is not measured
    programs = {
        HELIOGRAPH: lambda: _first_line(_PROGRAM),
        "heliograph, threads": lambda: _first_line(_THREADS + _PROGRAM),
        _PYTHON: lambda: _first_line("print(3)"),
        **peer.first_results(),
    }
    started = alternate(scale, programs)
    imported = alternate(scale, {HELIOGRAPH: _import_seconds})
    cached = "with" if Path(cache_from_source(heliograph.__file__)).exists() else "without"
    note = f"new processes {cached} bytecode caches"
    return [
        Figure(
            name="cold start to the first result",
            unit="ms",
            better="lower",
            measured=milliseconds(started),
            bars=(Bar(400.0),),
            note=note,
        ),
        Figure(
            name="import heliograph",
            unit="ms",
            better="lower",
            measured=milliseconds(imported),
            bars=(Bar(150.0),),
            note=f"`from heliograph import workflow`; {note}",
        ),
    ]


def _first_line(program: str) -> float:
    """Seconds from process start until a script has printed its result; its end is waited for, not timed."""
    with fresh_folder() as folder:
        script = folder / "program.py"
        script.write_text(program)
        start = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, script], stdout=subprocess.PIPE, text=True, env=_environment(folder), cwd=folder
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            seconds = time.perf_counter() - start
        check((line, process.returncode), ("3\n", 0), "what the program printed, and its exit code")
    return seconds


def _import_seconds() -> float:
    with fresh_folder() as folder:
        found = subprocess.run(
            [sys.executable, "-c", _IMPORT],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=_environment(folder),
            cwd=folder,
        )
    return float(found.stdout)


def _environment(storage: Path) -> dict[str, str]:
    # Users have bytecode caches, also where the one who measures has told Python to write none.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"HELIOGRAPH_STORAGE": str(storage / "storage")}
