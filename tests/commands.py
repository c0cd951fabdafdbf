"""Commands of `heliograph`, each in a process of its own, forked from one that has imported it.

Importing takes most of the time of a command, and the tests give hundreds of them.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from tests.conditions import DEADLINE

COMMAND: Final = [sys.executable, "-m", "heliograph.cli"]
_READ_AT_START: Final = ("PYTHON", "LANG", "LC_")  # variables that Python itself looks at, once

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        *("heliograph.cli.app", "heliograph.cli.rendering", "rich.table", "rich.panel", "typer._adapters"),
        *("heliograph.engines.session", "heliograph.storage.sqlite", "heliograph.storage.searching.search"),
    ]
)


def give(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Give a command in an environment of its own, and wait for its end."""
    if any(
        name.startswith(_READ_AT_START) and os.environ.get(name) != value
        for name, value in environment.items()
    ):
        return subprocess.run(
            [*COMMAND, *arguments],
            env=dict(environment),
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE,
            check=False,
        )
    with tempfile.TemporaryDirectory(prefix="heliograph-command-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = exit_code(start(arguments, environment, (os.devnull, str(out), str(err))))
        return subprocess.CompletedProcess(
            [*COMMAND, *arguments], code, out.read_text("utf-8"), err.read_text("utf-8")
        )


def start(
    arguments: Sequence[str], environment: Mapping[str, str], streams: tuple[str, str, str]
) -> BaseProcess:
    """Start a command with these files, or this terminal, for input, output and errors."""
    process = _context.Process(
        target=_run, args=(tuple(arguments), dict(environment), os.getcwd(), streams), daemon=True
    )
    process.start()
    return process


def exit_code(process: BaseProcess) -> int:
    """How a command ended, once it did; below 0, if by a signal."""
    process.join(DEADLINE)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError(f"a command took longer than {DEADLINE} s")
    assert process.exitcode is not None
    return process.exitcode


def _run(
    arguments: tuple[str, ...], environment: dict[str, str], folder: str, streams: tuple[str, str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(streams):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
        opened = os.open(path, flags | os.O_NOCTTY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", buffering=buffering, closefd=False)
        for number, mode, buffering in ((0, "r", -1), (1, "w", -1), (2, "w", 1))
    )
    from heliograph.cli.app import run

    sys.exit(run(arguments))
