"""Async functions for executors to run, and what holds them up."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from heliograph.engines.attempts.executor import Work
from tests.conditions import until
from tests.engines.harness import Works


def begun(path: str) -> None:
    """Say that a task runs, and where."""
    Path(f"{path}.tmp").write_text(str(os.getpid()))
    Path(f"{path}.tmp").rename(f"{path}.begun")


async def opened(path: str) -> None:
    while not os.path.exists(path):
        await asyncio.sleep(0.005)


async def wait_until(path: str) -> str:
    begun(path)
    await opened(path)
    return path


class Gate:
    """An attempt that waits until the test lets it go on."""

    def __init__(self, folder: Path, works: Works, name: str, function: Any = wait_until) -> None:
        self.path = folder / name
        self.work: Work = works(function, str(self.path))

    def until_begun(self) -> int:
        file = Path(f"{self.path}.begun")
        until(file.exists, f"{self.path.name} to begin")
        return int(file.read_text())

    def open(self) -> None:
        self.path.touch()


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def take_no_hint(path: str) -> str:
    begun(path)
    while not os.path.exists(path):
        try:
            await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            Path(f"{path}.told").touch()
    return path
