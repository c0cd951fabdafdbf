"""What tests and tasks tell each other through files, since they may be in different processes."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.conditions import DEADLINE, until


class Program(Protocol):
    """A process that may end too early: `subprocess.Popen`, and its like."""

    def poll(self) -> int | None: ...

    def communicate(self) -> tuple[str, str]: ...


@dataclass(frozen=True)
class Gate:
    """A place in tasks where they wait until the test lets them go on."""

    folder: Path

    def wait(self, name: str = "task") -> None:
        """Called by a task: say that it is here, and wait for the gate to open."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Two attempts of a task may come at once, where one that was cancelled goes on in its thread.
        mine = self.folder / f"{name}.{os.getpid()}.{threading.get_ident()}"
        mine.write_text(str(os.getpid()))
        mine.rename(self.folder / f"{name}.here")
        until((self.folder / "open").exists, what=f"{name} waits for {self.folder} to open")

    def until_waiting(
        self, name: str = "task", program: Program | None = None, deadline: float = DEADLINE
    ) -> int:
        """Called by the test: wait for the task; its process id. Fails at once if its program has ended."""
        there = self.folder / f"{name}.here"
        until(
            lambda: there.exists() or (program is not None and program.poll() is not None),
            what=f"{name} to come to {self.folder}",
            deadline=deadline,
        )
        if not there.exists() and program is not None:
            raise AssertionError(f"the program ended before its task {name} began: {program.communicate()}")
        return int(there.read_text())

    def open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "open").touch()


@dataclass(frozen=True)
class Ledger:
    """What tasks did, one line each; a line is written whole or not at all."""

    path: Path

    def note(self, line: str) -> int:
        """Write a line; how many times it was written by now, this time included."""
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)
        return self.counts()[line]

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def counts(self) -> Counter[str]:
        return Counter(self.lines())
