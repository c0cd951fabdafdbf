"""Commands of `heliograph`, each in a process of its own, forked from one that has imported it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from tests import forked
from tests.conditions import DEADLINE

COMMAND: Final = [sys.executable, "-m", "heliograph"]
_READ_AT_START: Final = ("PYTHON", "LANG", "LC_")  # variables that Python itself looks at, once


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
    started = program(arguments, environment, Path.cwd())
    out, err = started.communicate(DEADLINE)
    return subprocess.CompletedProcess([*COMMAND, *arguments], started.wait(), out, err)


def program(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> forked.Program:
    """Start a command whose output is read as it comes."""
    return forked.Program(run_command, [tuple(arguments)], environment, folder)


def start(
    arguments: Sequence[str], environment: Mapping[str, str], streams: tuple[str, str, str]
) -> BaseProcess:
    """Start a command with these files, as it may be a terminal, for input, output and errors."""
    return forked.process(_run, tuple(arguments), dict(environment), os.getcwd(), streams)


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
    os.chdir(folder)
    flags = [os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2]
    opened = [os.open(path, flag | os.O_NOCTTY, 0o600) for path, flag in zip(streams, flags, strict=True)]
    forked.become(environment, opened)
    run_command(arguments)


def run_command(arguments: Sequence[str]) -> None:
    """In a forked process: do as the command does."""
    from heliograph.cli.app import run

    sys.exit(run(tuple(arguments)))
